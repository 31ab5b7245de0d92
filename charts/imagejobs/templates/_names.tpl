{{/* All names that the chart gives. */}}

{{- define "imagejobs.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, once: "imagejobs" for a release of that name, "x-imagejobs" for a release x. */}}
{{- define "imagejobs.fullname" -}}
{{- $name := include "imagejobs.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{ .Values.fullnameOverride | default $full | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* An object of a component: (list $ "api"). */}}
{{- define "imagejobs.component" -}}
{{ include "imagejobs.fullname" (index . 0) }}-{{ index . 1 }}
{{- end }}

{{/* Cluster-wide objects carry the namespace too, so that two releases do not meet: (list $ "operator"). */}}
{{- define "imagejobs.clusterComponent" -}}
{{ (index . 0).Release.Namespace }}-{{ include "imagejobs.component" . }}
{{- end }}

{{/* (list $ "api" .Values.api.serviceAccount) */}}
{{- define "imagejobs.serviceAccount" -}}
{{ (index . 2).name | default (include "imagejobs.component" (list (index . 0) (index . 1))) }}
{{- end }}

{{- define "imagejobs.ca" -}}{{ include "imagejobs.component" (list . "ca") }}{{- end }}
{{- define "imagejobs.settings" -}}{{ include "imagejobs.component" (list . "settings") }}{{- end }}

{{- define "imagejobs.devSecret" -}}{{ include "imagejobs.component" (list . "dev") }}{{- end }}

{{/* The Secret with the API's file of callers, and the one with the key that the chart made. */}}
{{- define "imagejobs.callersSecret" -}}
{{ .Values.api.callers.existingSecret | default (include "imagejobs.component" (list . "callers")) }}
{{- end }}

{{- define "imagejobs.keySecret" -}}
{{ .Values.api.callers.existingSecret | default (include "imagejobs.component" (list . "key")) }}
{{- end }}

{{/* The ConfigMap with the presets of the values, named after their content. */}}
{{- define "imagejobs.presets" -}}
{{ include "imagejobs.component" (list . "presets") }}-{{ .Values.api.presets | toJson | sha256sum | trunc 8 }}
{{- end }}

{{/* The Secret that signs watch links. */}}
{{- define "imagejobs.watchSecret" -}}
{{ .Values.api.watchLinks.existingSecret | default (include "imagejobs.component" (list . "watch")) }}
{{- end }}

{{/* Secrets that hold credentials as environment variables, as a JSON list. */}}
{{- define "imagejobs.secrets" -}}
{{- $dev := ternary (include "imagejobs.devSecret" .) "" .Values.dev.enabled -}}
{{ compact (list $dev .Values.s3.existingSecret .Values.redis.existingSecret .Values.telemetry.existingSecret) | uniq | toJson }}
{{- end }}

{{/* The namespaces whose ImageJobs run, as a JSON list; the API's own is always among them. */}}
{{- define "imagejobs.namespaces" -}}
{{ prepend (.Values.watch.namespaces | default list) .Release.Namespace | uniq | toJson }}
{{- end }}
