{{/* What a schema cannot say. Every fault is named at once, with the value that mends it. */}}
{{- define "imagejobs.check" -}}
{{- $faults := list -}}
{{- if and .Values.api.allowAnonymous .Values.api.callers.existingSecret -}}
{{- $faults = append $faults "api.allowAnonymous, api.callers.existingSecret: choose one; with callers every call needs a key" -}}
{{- end -}}
{{- if .Values.dev.enabled -}}
{{- if or .Values.s3.existingSecret .Values.redis.existingSecret .Values.redis.url .Values.s3.endpoint -}}
{{- $faults = append $faults "dev.enabled: it brings its own S3 and Redis; leave s3.endpoint, s3.existingSecret, redis.url and redis.existingSecret empty" -}}
{{- end -}}
{{- else -}}
{{- if not .Values.s3.bucket -}}
{{- $faults = append $faults "s3.bucket: name the bucket, or try out with dev.enabled=true" -}}
{{- end -}}
{{- if not (or .Values.redis.url .Values.redis.existingSecret) -}}
{{- $faults = append $faults "redis.existingSecret: name a Secret with the key REDIS_URL, or give redis.url if it holds no password" -}}
{{- end -}}
{{- end -}}
{{- if not (or .Values.pool.enabled .Values.jobs.enabled) -}}
{{- $faults = append $faults "pool.enabled, jobs.enabled: without both nobody does the work" -}}
{{- end -}}
{{- if and .Values.pool.autoscaling.enabled .Values.pool.keda.enabled -}}
{{- $faults = append $faults "pool.autoscaling.enabled, pool.keda.enabled: choose one" -}}
{{- end -}}
{{- if and .Values.pool.keda.enabled (not .Values.pool.keda.address) -}}
{{- $faults = append $faults "pool.keda.address: KEDA needs Redis as host:port" -}}
{{- end -}}
{{- if and (not .Values.metrics.enabled) (or .Values.metrics.serviceMonitor.enabled .Values.metrics.prometheusRule.enabled) -}}
{{- $faults = append $faults "metrics.enabled: ServiceMonitors and alerts need it" -}}
{{- end -}}
{{- if and .Values.api.ingress.enabled (not .Values.api.ingress.host) -}}
{{- $faults = append $faults "api.ingress.host: name the host" -}}
{{- end -}}
{{- if and .Values.api.httpRoute.enabled (not .Values.api.httpRoute.parentRefs) -}}
{{- $faults = append $faults "api.httpRoute.parentRefs: name the Gateway" -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n\nimagejobs cannot be installed like this:\n  - %s\n" (join "\n  - " $faults)) -}}
{{- end -}}
{{- end }}
