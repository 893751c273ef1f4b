"""A mail server (aiosmtpd) that prints what it takes, one JSON object a line. The first message it refuses for now, as a busy server does."""

import email
import email.policy
import json
import socket
import time

from aiosmtpd.controller import Controller


class Keeper:
    refused = False

    async def handle_DATA(self, server, session, envelope):
        if not self.refused:
            self.refused = True
            print(json.dumps({"refused": True}), flush=True)
            return "451 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        told = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": message["subject"], "parts": parts}
        print(json.dumps(told), flush=True)
        return "250 taken"


# The controller calls itself by the number that it was given, so it cannot be left to choose one.
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
Controller(Keeper(), hostname="127.0.0.1", port=port).start()
print(json.dumps({"port": port}), flush=True)
while True:
    time.sleep(60)
