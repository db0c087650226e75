// Writes the rules and dashboards as files: jsonnet -S -m FOLDER files.jsonnet
local mixin = import 'mixin.libsonnet';

{
  'alerts.yml': std.manifestYamlDoc(mixin.prometheusAlerts, quote_keys=false),
  'recording-rules.yml': std.manifestYamlDoc(mixin.prometheusRules, quote_keys=false),
} + {
  [name]: std.manifestJson(mixin.grafanaDashboards[name]) + '\n'
  for name in std.objectFields(mixin.grafanaDashboards)
}
