// Scalar's defaults ask for fonts from elsewhere, count visits and offer services of its maker: all of that is off, so that
// the page works without any other host.
Scalar.createApiReference('#app', {
  url: '/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
  proxyUrl: '',
  persistAuth: false,
});
