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
{{- if and (gt (int .Values.operator.replicas) 1) (not .Values.operator.lease.enabled) -}}
{{- $faults = append $faults "operator.lease.enabled: more than one pod needs it (operator.replicas), or both work" -}}
{{- end -}}
{{- if and .Values.api.ingress.enabled (not .Values.api.ingress.host) -}}
{{- $faults = append $faults "api.ingress.host: name the host" -}}
{{- end -}}
{{- if and .Values.api.httpRoute.enabled (not .Values.api.httpRoute.parentRefs) -}}
{{- $faults = append $faults "api.httpRoute.parentRefs: name the Gateway" -}}
{{- end -}}
{{- if and .Release.IsInstall .Values.rbac.create -}}
{{- range include "imagejobs.neighbours" . | fromJsonArray -}}
{{- $faults = append $faults (printf "operator.className: %s runs the ImageJobs of %s already; give one of the two a class" .who .where) -}}
{{- end -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n\nimagejobs cannot be installed like this:\n  - %s\n" (join "\n  - " $faults)) -}}
{{- end -}}
{{- end }}

{{/*
Releases of the same class that run ImageJobs of a namespace that this one would run, as a JSON list of who and where. Helm
shows what is in the cluster only to `helm install` and `helm upgrade`: rendered elsewhere (Argo CD) the list is empty.
*/}}
{{- define "imagejobs.neighbours" -}}
{{- $root := . -}}
{{- $found := list -}}
{{- $places := ternary (list "") (include "imagejobs.namespaces" . | fromJsonArray) .Values.watch.allNamespaces -}}
{{- range $place := $places -}}
{{- range (lookup "v1" "ConfigMap" $place "").items -}}
{{- $class := (.data | default dict).CLASS_NAME | default "" -}}
{{- if and (eq (include "imagejobs.isNeighbour" (list $root . "settings")) "yes") (eq $class $root.Values.operator.className) -}}
{{- $found = append $found (dict "who" (include "imagejobs.releaseOf" .) "where" .metadata.namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items -}}
{{- $class := (.metadata.annotations | default dict) | dig "imagejobs.dev/class" "" -}}
{{- if and (eq (include "imagejobs.isNeighbour" (list $root . "operator")) "yes") (hasSuffix "-operator" .metadata.name) (eq $class $root.Values.operator.className) -}}
{{- $found = append $found (dict "who" (include "imagejobs.releaseOf" .) "where" "all namespaces") -}}
{{- end -}}
{{- end -}}
{{ $found | uniq | toJson }}
{{- end }}

{{/* (list $ OBJECT "settings"): "yes" for an object of that component of another release. */}}
{{- define "imagejobs.isNeighbour" -}}
{{- $root := index . 0 -}}
{{- $labels := (index . 1).metadata.labels | default dict -}}
{{- $component := and (eq (get $labels "app.kubernetes.io/part-of") "imagejobs") (eq (get $labels "app.kubernetes.io/component") (index . 2)) -}}
{{- if and $component (ne (include "imagejobs.releaseOf" (index . 1)) (printf "%s/%s" $root.Release.Namespace $root.Release.Name)) -}}
yes
{{- end -}}
{{- end }}

{{/* The release of an object, as namespace/name, "?" for what Helm did not say. */}}
{{- define "imagejobs.releaseOf" -}}
{{- $annotations := .metadata.annotations | default dict -}}
{{- $name := get $annotations "meta.helm.sh/release-name" | default (get (.metadata.labels | default dict) "app.kubernetes.io/instance") -}}
{{ get $annotations "meta.helm.sh/release-namespace" | default "?" }}/{{ $name }}
{{- end }}
