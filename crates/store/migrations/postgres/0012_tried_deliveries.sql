-- Deliveries that were tried, of which the latest say how a receiver does: those that wait would be read through one by one else.
CREATE INDEX delivery_tried ON delivery (webhook_id, id) WHERE attempts > 0;
