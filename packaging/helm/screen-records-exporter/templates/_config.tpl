{{/*
The config as TOML. Values are written as JSON, which is valid TOML for texts, numbers, booleans and lists of texts.
`toToml` is not used: it writes the whole numbers of a values file as 1.2e+07.
*/}}
{{- define "exporter.config" -}}
{{- $config := deepCopy (omit .Values.config "projects") -}}
{{- $_ := set $config.web "listen_addresses" (list ":10047") -}}
{{- if .Values.webConfig.existingSecret -}}
{{- $_ := set $config.web "config_file" "/web-config/web-config.yml" -}}
{{- end -}}
{{- if not (include "exporter.hasDatabase" .) -}}
{{- $_ := set $config "state" (dict "directory" "/var/lib/screen-records-exporter") -}}
{{- else if .Values.database.existingSecret -}}
{{- $_ := set $config.state "url_file" "/database/url" -}}
{{- end -}}
{{- if .Values.database.caSecret -}}
{{- $_ := set $config.state "ca_file" "/database/ca.pem" -}}
{{- end -}}
{{- range $section, $keys := $config }}
{{- if $keys }}
[{{ $section }}]
{{- range $key, $value := $keys }}
{{ $key }} = {{ toRawJson $value }}
{{- end }}
{{ end }}
{{- end }}
{{- range .Values.config.projects }}
[[projects]]
name = {{ toRawJson .name }}
{{- range $key, $value := omit . "name" }}
{{ $key }} = {{ include "exporter.tomlValue" $value }}
{{- end }}
{{ end }}
{{- end -}}

{{- define "exporter.tomlValue" -}}
{{- if kindIs "map" . -}}
{{- $pairs := list -}}
{{- range $key, $value := . -}}
{{- $pairs = append $pairs (printf "%s = %s" $key (toRawJson $value)) -}}
{{- end -}}
{{- printf "{ %s }" (join ", " $pairs) -}}
{{- else -}}
{{- toRawJson . -}}
{{- end -}}
{{- end -}}
