{{/* Names are quoted where they are written: those of only digits are numbers in YAML. */}}
{{- define "exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 52 characters: the StatefulSet's controller appends a hash and puts the result into a label. */}}
{{- define "exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "exporter.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "exporter.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "exporter.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_"))
  "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_")
  "app.kubernetes.io/managed-by" .Release.Service
-}}
{{- $selector := include "exporter.selectorLabels" . | fromYaml -}}
{{- mergeOverwrite (deepCopy .Values.commonLabels) $own $selector | toYaml -}}
{{- end -}}

{{/* Metadata of an object. Takes `root`, and optionally `name`, `labels` and `annotations`. */}}
{{- define "exporter.metadata" -}}
{{- $labels := merge (include "exporter.labels" .root | fromYaml) (deepCopy (default dict .labels)) -}}
{{- $annotations := merge (deepCopy (default dict .annotations)) .root.Values.commonAnnotations -}}
name: {{ default (include "exporter.fullname" .root) .name | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "exporter.scheme" -}}
{{- if .Values.webConfig.tls -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{/* Prefix of all paths, without a slash at its end: config.web.route_prefix, or the path of external_url. */}}
{{- define "exporter.prefix" -}}
{{- $web := .Values.config.web -}}
{{- $path := "" -}}
{{- if $web.route_prefix -}}
{{- $path = $web.route_prefix -}}
{{- else if $web.external_url -}}
{{- $path = get (urlParse $web.external_url) "path" -}}
{{- end -}}
{{- with trimAll "/" $path -}}
{{- printf "/%s" . -}}
{{- end -}}
{{- end -}}

{{/*
A file of the folder `files`, which are links in the source. Without support for them, they are missing (Flux), or
contain a path (Git on Windows). Takes `root` and `name`.
*/}}
{{- define "exporter.file" -}}
{{- $text := .root.Files.Get (printf "files/%s" .name) -}}
{{- if not (contains "\n" $text) -}}
{{- fail (printf "files/%s is a link that was not followed: use the packed chart" .name) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/*
Replaces the start of the links in a rule or dashboard, which is http:// and the label instance. Takes `root`,
`text`, and `pattern`, which matches the label. `instance` is an address that only pods can reach, without a prefix.
*/}}
{{- define "exporter.withLinks" -}}
{{- $url := .root.Values.config.web.external_url -}}
{{- if $url -}}
{{- regexReplaceAllLiteral (printf "http://%s" .pattern) .text (trimSuffix "/" $url) -}}
{{- else -}}
{{- $start := printf "%s://${1}%s" (include "exporter.scheme" .root) (include "exporter.prefix" .root) -}}
{{- regexReplaceAll (printf "http://(%s)" .pattern) .text $start -}}
{{- end -}}
{{- end -}}

{{/* Not empty if the state is in a database. */}}
{{- define "exporter.hasDatabase" -}}
{{- if or .Values.database.existingSecret .Values.config.state.url_file .Values.config.state.url_env -}}
true
{{- end -}}
{{- end -}}

{{/* A duration of Prometheus in milliseconds. */}}
{{- define "exporter.milliseconds" -}}
{{- $factors := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 -}}
{{- $total := 0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $factor := get $factors (regexFind "[a-z]+" .) -}}
{{- $total = add $total (mul $factor (regexFind "[0-9]+" . | int64)) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{/* Refuses combinations of values that the schema cannot refuse. */}}
{{- define "exporter.validate" -}}
{{- $values := .Values -}}
{{- $name := include "exporter.fullname" . -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) -}}
{{- $allowed := "a letter, then lower-case letters, digits and -" -}}
{{- fail (printf "%q cannot be the name of a Service (%s): set fullnameOverride" $name $allowed) -}}
{{- end -}}
{{- if not $values.config.projects -}}
{{- fail "config.projects is empty: add the projects whose recordings are to be exported (see values.yaml)" -}}
{{- end -}}
{{- $names := list -}}
{{- range $values.config.projects -}}
{{- if has .name $names -}}
{{- fail (printf "config.projects: two projects have the name %q" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- $hasDatabase := include "exporter.hasDatabase" . -}}
{{- if and (gt (int $values.replicas) 2) (not $hasDatabase) -}}
{{- $reason := "each exporter without a database makes all requests again and has its own counters" -}}
{{- fail (printf "replicas: %s, so at most 2; set database.existingSecret (docs/replicas.md)" $reason) -}}
{{- end -}}
{{- if and $values.config.state (not $hasDatabase) -}}
{{- fail "config.state has an effect only with a database: set database.existingSecret" -}}
{{- end -}}
{{- $state := $values.config.state -}}
{{- if and $values.database.existingSecret (or $state.url_file $state.url_env) -}}
{{- fail "database.existingSecret: the URL is also set in config.state; keep one" -}}
{{- end -}}
{{- if and $values.database.caSecret (or $state.ca_file (not $hasDatabase)) -}}
{{- fail "database.caSecret: set database.existingSecret too, and do not set config.state.ca_file" -}}
{{- end -}}
{{- if and $hasDatabase $values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim: a database needs no volume. Move the state (docs/replicas.md), then remove it" -}}
{{- end -}}
{{- $pair := and (gt (int $values.replicas) 1) (not $hasDatabase) -}}
{{- if and $pair $values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim: a state belongs to one exporter, so replicas must be 1" -}}
{{- end -}}
{{- if and $pair $values.probe.enabled -}}
{{- $reason := "the Service alternates between the exporters of a pair, and their counters differ" -}}
{{- fail (printf "probe.enabled: %s, so replicas must be 1" $reason) -}}
{{- end -}}
{{- if and $values.webConfig.tls (not $values.webConfig.existingSecret) -}}
{{- fail "webConfig.tls: set webConfig.existingSecret, the Secret with web-config.yml and the certificate" -}}
{{- end -}}
{{- $scraped := or $values.serviceMonitor.enabled $values.probe.enabled -}}
{{- $interval := include "exporter.milliseconds" $values.scrape.interval | int64 -}}
{{- if and $scraped (gt (include "exporter.milliseconds" $values.scrape.scrapeTimeout | int64) $interval) -}}
{{- $reason := printf "%s is longer than scrape.interval, %s" $values.scrape.scrapeTimeout $values.scrape.interval -}}
{{- fail (printf "scrape.scrapeTimeout: %s; the Prometheus Operator would ignore the monitor" $reason) -}}
{{- end -}}
{{- if and $scraped $values.webConfig.tls (not $values.scrape.tlsConfig) -}}
{{- $needed := "the authority (ca) and the serverName of the certificate" -}}
{{- fail (printf "scrape.tlsConfig: with webConfig.tls, Prometheus needs to know %s" $needed) -}}
{{- end -}}
{{- if and $values.scrape.tlsConfig (not $values.webConfig.tls) -}}
{{- fail "scrape.tlsConfig has no effect without webConfig.tls" -}}
{{- end -}}
{{- end -}}
