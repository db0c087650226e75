// Alerts, recording rules and dashboards of screen-records-exporter. The files in dashboards/ are the source; this
// reads them and changes what config.libsonnet describes.
(import 'config.libsonnet') {
  local config = $._config.screenRecords,
  local exporterUrl = if config.exporterUrl == null then null else std.rstripChars(config.exporterUrl, '/'),

  local instance = '{{ . | sortByLabel "instance" | first | label "instance" }}',
  local ruleFile(text) =
    local linked =
      if exporterUrl == null
      then std.strReplace(text, 'http://' + instance, config.exporterScheme + '://' + instance)
      else std.strReplace(text, 'http://' + instance, exporterUrl);
    std.parseYaml(std.strReplace(linked, 'increase(', config.increaseFunction + '(')),

  local withRunbook(rule) =
    if config.runbookUrl == null || !('alert' in rule) then rule
    else rule {
      annotations+: { runbook_url: config.runbookUrl + '#' + std.split(rule.annotations.runbook_url, '#')[1] },
    },
  local changed(rule) =
    if !('alert' in rule) || !(rule.alert in config.alerts) then [withRunbook(rule)]
    else if config.alerts[rule.alert] == null then []
    else [withRunbook(rule) + config.alerts[rule.alert]],
  local alertGroups = ruleFile(importstr 'dashboards/alerts.yml').groups,
  local alertNames = [rule.alert for group in alertGroups for rule in group.rules if 'alert' in rule],
  local unknown = std.setDiff(std.objectFields(config.alerts), std.set(alertNames)),

  local dashboard(text) =
    local parts = std.split(text, 'http://${');
    local afterVariable(part) = std.splitLimit(part, '}', 1)[1];
    local linked =
      if exporterUrl == null
      then std.join(config.exporterScheme + '://${', parts)
      else std.join('', [parts[0]] + [exporterUrl + afterVariable(part) for part in parts[1:]]);
    std.parseJson(std.strReplace(linked, '"interval": "1m"', '"interval": "%s"' % config.dashboardInterval)),

  // Replaces a part of an expression, and fails if it is not there, so that a threshold cannot silently keep its value.
  replace(text, old, new)::
    assert std.length(std.findSubstr(old, text)) > 0 : '"%s" is not in: %s' % [old, text];
    std.strReplace(text, old, new),

  prometheusAlerts+:: {
    assert unknown == [] : 'unknown alerts in _config.screenRecords.alerts: ' + std.join(', ', unknown),
    groups+: [group { rules: std.flatMap(changed, group.rules) } for group in alertGroups],
  },

  prometheusRules+:: {
    groups+: ruleFile(importstr 'dashboards/recording-rules.yml').groups,
  },

  grafanaDashboardFolder:: 'Screen recordings',
  grafanaDashboards+:: {
    'screen-records.json': dashboard(importstr 'dashboards/screen-records.json'),
    'screen-records-exporter.json': dashboard(importstr 'dashboards/screen-records-exporter.json'),
  },
}
