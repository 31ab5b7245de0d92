{{/* All labels that the chart gives. */}}

{{/* What never changes, so that selectors can use it, which a Deployment cannot change: no value is in it. (list $ "api") */}}
{{- define "imagejobs.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list $ "api"), or (list $ "api" MORE) with labels of the user's, which replace none of the chart's. */}}
{{- define "imagejobs.labels" -}}
{{- $root := index . 0 -}}
{{- $own := include "imagejobs.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "imagejobs" -}}
{{- $_ := set $own "app.kubernetes.io/version" ($root.Values.image.tag | default $root.Chart.AppVersion | toString) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- $more := first (rest (rest .)) | default dict -}}
{{- merge $own $more $root.Values.commonLabels | toYaml }}
{{- end }}
