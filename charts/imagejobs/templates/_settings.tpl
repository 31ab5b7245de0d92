{{/* The settings that all programs share, as environment variables. No secrets: those come from Secrets. */}}
{{- define "imagejobs.settingsData" -}}
{{- with include "imagejobs.s3Endpoint" . }}
S3_ENDPOINT: {{ . | quote }}
{{- end }}
{{- with include "imagejobs.s3PublicEndpoint" . }}
S3_PUBLIC_ENDPOINT: {{ . | quote }}
{{- end }}
S3_BUCKET: {{ include "imagejobs.s3Bucket" . | quote }}
S3_REGION: {{ .Values.s3.region | quote }}
{{- if not (kindIs "invalid" .Values.s3.pathStyle) }}
S3_PATH_STYLE: {{ .Values.s3.pathStyle | quote }}
{{- end }}
{{- if not (kindIs "invalid" .Values.s3.unsignedPayload) }}
S3_UNSIGNED_PAYLOAD: {{ .Values.s3.unsignedPayload | quote }}
{{- end }}
{{- with .Values.redis.url }}
REDIS_URL: {{ . | quote }}
{{- end }}
{{- if .Values.caBundle }}
CA_FILE: /etc/imagejobs-ca/ca.pem
{{- end }}
{{- with .Values.operator.className }}
CLASS_NAME: {{ . | quote }}
{{- end }}
LOG_LEVEL: {{ .Values.logLevel }}
LEASE_SECONDS: {{ .Values.pool.leaseSeconds | quote }}
{{- with .Values.telemetry.otlpEndpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
OTEL_TRACES_SAMPLER: parentbased_traceidratio
OTEL_TRACES_SAMPLER_ARG: {{ divf $.Values.telemetry.samplePercent 100 | quote }}
{{- end }}
MEMORY_LIMIT: {{ .Values.worker.memoryPerImage }}
CAGE: {{ .Values.worker.cage | quote }}
READ_HEIC: {{ .Values.worker.readHeic | quote }}
ALLOWED_PORTS: {{ join "," .Values.urls.ports | quote }}
{{- with .Values.urls.dns64Prefix }}
DNS64_PREFIX: {{ . | quote }}
{{- end }}
{{- with .Values.worker.privateSources }}
ALLOWED_PRIVATE_SOURCES: {{ join "," . | quote }}
{{- end }}
{{- range $name, $value := .Values.limits }}
{{ snakecase $name | upper }}: {{ $value | toJson | quote }}
{{- end }}
{{- end }}

{{/* Where the API answers: as the values say, and for what runs in the cluster or comes through `kubectl port-forward`. */}}
{{- define "imagejobs.allowedHosts" -}}
{{- $service := include "imagejobs.component" (list . "api") -}}
{{- $inside := list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) -}}
{{- $outside := list -}}
{{- if .Values.api.ingress.enabled -}}
{{- $outside = append $outside .Values.api.ingress.host -}}
{{- end -}}
{{- if .Values.api.httpRoute.enabled -}}
{{- $outside = concat $outside .Values.api.httpRoute.hostnames -}}
{{- end -}}
{{- with .Values.api.publicUrl -}}
{{- $outside = append $outside (urlParse .).hostname -}}
{{- end -}}
{{ concat .Values.api.allowedHosts $outside $inside (list "127.0.0.1" "localhost") | uniq | join "," }}
{{- end }}

{{/* What each namespace may use, as JSON. The release's own, where people rarely are and the API's jobs run, has Jobs without being asked. */}}
{{- define "imagejobs.grants" -}}
{{- $own := dict .Release.Namespace (dict "pods" 100) -}}
{{ mergeOverwrite $own (deepCopy .Values.grants) | toJson }}
{{- end }}

{{/* What API and operator must agree on about callbacks; the workers have no use for the secret. */}}
{{- define "imagejobs.webhookEnv" -}}
{{- with .Values.webhooks.existingSecret }}
- name: WEBHOOK_SECRETS
  valueFrom: {secretKeyRef: {name: {{ . }}, key: WEBHOOK_SECRETS}}
{{- end }}
{{- if .Values.webhooks.callersSecret }}
- {name: WEBHOOK_SECRETS_DIR, value: /etc/imagejobs-webhooks}
{{- end }}
{{- with .Values.webhooks.privateReceivers }}
- {name: ALLOWED_PRIVATE_CALLBACKS, value: {{ join "," . | quote }}}
{{- end }}
{{- with .Values.api.publicUrl }}
- {name: PUBLIC_URL, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* Callers' own secrets are mounted: nothing reads Secrets through the API, and a change needs no restart. */}}
{{- define "imagejobs.webhookMount" -}}
{{- if .Values.webhooks.callersSecret }}
- {name: webhooks, mountPath: /etc/imagejobs-webhooks, readOnly: true}
{{- end }}
{{- end }}

{{- define "imagejobs.webhookVolume" -}}
{{- with .Values.webhooks.callersSecret }}
- name: webhooks
  secret: {secretName: {{ . }}}
{{- end }}
{{- end }}

{{/* The CAs of your own S3 and Redis, for every pod that has the settings. */}}
{{- define "imagejobs.caMount" -}}
{{- if .Values.caBundle }}
- {name: ca, mountPath: /etc/imagejobs-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "imagejobs.caVolume" -}}
{{- if .Values.caBundle }}
- name: ca
  configMap: {name: {{ include "imagejobs.ca" . }}}
{{- end }}
{{- end }}

{{- define "imagejobs.s3Endpoint" -}}
{{- if .Values.dev.enabled -}}
http://{{ include "imagejobs.component" (list . "dev-s3") }}.{{ .Release.Namespace }}.svc:9000
{{- else -}}
{{ .Values.s3.endpoint }}
{{- end -}}
{{- end }}

{{/* The address that the printed `kubectl port-forward` gives the try-out's S3. */}}
{{- define "imagejobs.s3PublicEndpoint" -}}
{{ .Values.s3.publicEndpoint | default (ternary "http://127.0.0.1:9000" "" .Values.dev.enabled) }}
{{- end }}

{{- define "imagejobs.s3Bucket" -}}
{{ .Values.s3.bucket | default "imagejobs" }}
{{- end }}
