{{/* All labels that the chart gives. */}}

{{/* What never changes, so that selectors can use it: (list $ "api"). */}}
{{- define "imagejobs.selector" -}}
app.kubernetes.io/name: {{ include "imagejobs.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list $ "api") */}}
{{- define "imagejobs.labels" -}}
{{- $root := index . 0 -}}
{{ include "imagejobs.selector" . }}
app.kubernetes.io/part-of: imagejobs
app.kubernetes.io/version: {{ $root.Values.image.tag | default $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
