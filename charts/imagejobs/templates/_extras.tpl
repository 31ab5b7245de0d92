{{/*
What people add to a pod, (list $ POD) each. Templates in these values are filled in.
*/}}
{{- define "imagejobs.moreOf" -}}
{{- with get (index . 1) (index . 2) }}
{{ tpl (toYaml .) (index $ 0) }}
{{- end }}
{{- end }}

{{- define "imagejobs.moreMounts" -}}{{- include "imagejobs.moreOf" (append . "volumeMounts") }}{{- end }}

{{- define "imagejobs.moreVolumes" -}}{{- include "imagejobs.moreOf" (append . "volumes") }}{{- end }}

{{- define "imagejobs.moreContainers" -}}{{- include "imagejobs.moreOf" (append . "extraContainers") }}{{- end }}

{{- define "imagejobs.moreEnvFrom" -}}{{- include "imagejobs.moreOf" (append . "envFrom") }}{{- end }}

{{/* Fields of the pod itself. */}}
{{- define "imagejobs.morePod" -}}
{{- $root := index . 0 -}}
{{- $pod := index . 1 -}}
{{- range $name := list "initContainers" "hostAliases" "dnsConfig" "dnsPolicy" }}
{{- with get $pod $name }}
{{ $name }}: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ tpl (toYaml .) $root | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
