{{/* Rules that several network policies share. NetworkPolicy speaks of the pods' ports, not of a service's. */}}

{{- define "imagejobs.ingressMetrics" -}}
{{- if .Values.metrics.enabled -}}
- ports: [{protocol: TCP, port: 9464}]
  from: {{- toYaml .Values.networkPolicy.scrapers | nindent 4 }}
{{- end }}
{{- end }}

{{- define "imagejobs.egressDns" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{- define "imagejobs.egressApiServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{- define "imagejobs.egressStorage" -}}
{{- if .Values.dev.enabled -}}
- to:
    - podSelector:
        matchLabels: {{- include "imagejobs.selector" (list . "dev-s3") | nindent 10 }}
      namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}
  ports: [{protocol: TCP, port: 9000}]
- to:
    - podSelector:
        matchLabels: {{- include "imagejobs.selector" (list . "dev-valkey") | nindent 10 }}
      namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}
  ports: [{protocol: TCP, port: 6379}]
{{- else -}}
{{- include "imagejobs.egressTo" (list .Values.networkPolicy.s3.to (.Values.networkPolicy.s3.ports | default (list (include "imagejobs.s3Port" . | int)))) }}
{{ include "imagejobs.egressTo" (list .Values.networkPolicy.redis.to .Values.networkPolicy.redis.ports) }}
{{- end }}
{{- end }}

{{- define "imagejobs.egressCollector" -}}
{{- with .Values.telemetry.otlpEndpoint -}}
{{- $parts := urlParse . -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host) | default (ternary "80" "443" (eq $parts.scheme "http")) -}}
{{- $rule := $.Values.networkPolicy.collector -}}
{{- include "imagejobs.egressTo" (list $rule.to ($rule.ports | default (list (int $port)))) }}
{{- end }}
{{- end }}

{{- define "imagejobs.egressTo" -}}
- ports:
    {{- range index . 1 }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with index . 0 }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "imagejobs.s3Port" -}}
{{- $parts := urlParse (.Values.s3.endpoint | default "https://s3") -}}
{{ regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host) | default (ternary "80" "443" (eq $parts.scheme "http")) }}
{{- end }}

{{/* Images by URL come from the public internet, and callbacks go there, whatever the program's own guard says: (list $ PRIVATE), the private
networks that are allowed besides. */}}
{{- define "imagejobs.egressInternet" -}}
{{- $ports := include "imagejobs.urlPorts" (index . 0) | trim -}}
- ports: {{- $ports | nindent 4 }}
  to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
    - ipBlock:
        cidr: 2000::/3
{{- with index . 1 }}
- ports: {{- $ports | nindent 4 }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- define "imagejobs.urlPorts" -}}
{{- range .Values.urls.ports }}
{{- $ends := splitList "-" (toString .) }}
- {protocol: TCP, port: {{ first $ends }}{{ if gt (len $ends) 1 }}, endPort: {{ last $ends }}{{ end }}}
{{- end }}
{{- end }}

{{- define "imagejobs.egressWorker" -}}
{{ include "imagejobs.egressDns" . }}
{{ include "imagejobs.egressStorage" . }}
{{ include "imagejobs.egressCollector" . }}
{{- if .Values.networkPolicy.internet }}
{{ include "imagejobs.egressInternet" (list . .Values.worker.privateSources) }}
{{- end }}
{{- end }}
