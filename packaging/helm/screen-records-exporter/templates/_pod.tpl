{{/*
The template of the pods. Takes `root`, and `stateVolume`, the volume `state` as in a pod, unless the controller adds
it or the state is in a database.
*/}}
{{- define "exporter.pod" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $hasDatabase := include "exporter.hasDatabase" $root -}}
{{- $env := $values.extraEnv -}}
{{- if $hasDatabase -}}
{{- /* The image has another value. */ -}}
{{- $env = prepend $env (dict "name" "SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY" "value" "") -}}
{{- end -}}
metadata:
  labels:
    {{- $labels := omit (include "exporter.labels" $root | fromYaml) "helm.sh/chart" }}
    {{- merge $labels (deepCopy $values.podLabels) | toYaml | nindent 4 }}
  annotations:
    # Replaces the pods when the config changes. A restart loses nothing.
    {{- $checksum := dict "checksum/config" (include "exporter.config" $root | sha256sum) }}
    {{- merge $checksum $values.podAnnotations $values.commonAnnotations | toYaml | nindent 4 }}
spec:
  serviceAccountName: {{ include "exporter.serviceAccountName" $root | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- if $values.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  {{- with $values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "exporter.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - --config.file=/etc/screen-records-exporter/config.toml
      {{- with $env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 10047
      {{- $paths := dict "startupProbe" "/-/healthy" "livenessProbe" "/-/healthy" "readinessProbe" "/-/ready" }}
      {{- range $probe, $path := $paths }}
      {{ $probe }}:
        {{- include "exporter.probeHandler" (dict "root" $root "path" $path) | nindent 8 }}
        {{- get $values $probe | toYaml | nindent 8 }}
      {{- end }}
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: config
          mountPath: /etc/screen-records-exporter
          readOnly: true
        {{- if not $hasDatabase }}
        - name: state
          mountPath: /var/lib/screen-records-exporter
        {{- end }}
        {{- if or $values.database.existingSecret $values.database.caSecret }}
        - name: database
          mountPath: /database
          readOnly: true
        {{- end }}
        {{- if $values.webConfig.existingSecret }}
        - name: web-config
          mountPath: /web-config
          readOnly: true
        {{- end }}
        {{- range $index, $name := $values.secretFiles }}
        - name: secret-{{ $index }}
          mountPath: /secrets/{{ $name }}
          readOnly: true
        {{- end }}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "exporter.fullname" $root | quote }}
    {{- with .stateVolume }}
    {{- list . | toYaml | nindent 4 }}
    {{- end }}
    {{- if or $values.database.existingSecret $values.database.caSecret }}
    - name: database
      projected:
        defaultMode: 0440
        sources:
          {{- with $values.database.existingSecret }}
          - secret:
              name: {{ . | quote }}
              items: [{key: {{ $values.database.key | quote }}, path: url}]
          {{- end }}
          {{- with $values.database.caSecret }}
          - secret:
              name: {{ . | quote }}
              items: [{key: {{ $values.database.caKey | quote }}, path: ca.pem}]
          {{- end }}
    {{- end }}
    {{- with $values.webConfig.existingSecret }}
    - name: web-config
      secret:
        secretName: {{ . | quote }}
        defaultMode: 0440
    {{- end }}
    {{- range $index, $name := $values.secretFiles }}
    - name: secret-{{ $index }}
      secret:
        secretName: {{ $name | quote }}
        defaultMode: 0440
    {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $values.affinity }}
  affinity:
    {{- toYaml $values.affinity | nindent 4 }}
  {{- else }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              matchLabels:
                {{- include "exporter.selectorLabels" $root | nindent 16 }}
  {{- end }}
  {{- if $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml $values.topologySpreadConstraints | nindent 4 }}
  {{- else if $hasDatabase }}
  topologySpreadConstraints:
    - topologyKey: topology.kubernetes.io/zone
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "exporter.selectorLabels" $root | nindent 10 }}
  {{- end }}
{{- end -}}

{{/* With a web config, the kubelet may have neither the password nor the certificate that the exporter demands. */}}
{{- define "exporter.probeHandler" -}}
{{- if .root.Values.webConfig.existingSecret -}}
exec:
  command:
    - /usr/bin/screen-records-exporter
    - healthcheck
    - --config.file=/etc/screen-records-exporter/config.toml
{{- else -}}
httpGet:
  path: {{ include "exporter.prefix" .root }}{{ .path }}
  port: metrics
{{- end -}}
{{- end -}}
