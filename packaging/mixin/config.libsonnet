{
  // In an object of its own, because mixins that are used together share _config.
  _config+:: {
    screenRecords: {
      // Scheme of links to the exporter, which lead to the label `instance`.
      exporterScheme: 'http',
      // URL under which readers reach the exporter: behind a proxy, or if `instance` is not an address. It replaces
      // scheme and `instance` in all links.
      exporterUrl: null,
      // URL of the runbook. By default, links lead to the exporter's copy.
      runbookUrl: null,
      // Function that counts increases. For vmalert: 'increase_prometheus'.
      increaseFunction: 'increase',
      // Changes of alerts by name: an object is added to the rule, null removes it. README.md has examples.
      alerts: {},
      // Minimum interval of the panels: the scrape_interval of Prometheus if it is longer.
      dashboardInterval: '1m',
    },
  },
}
