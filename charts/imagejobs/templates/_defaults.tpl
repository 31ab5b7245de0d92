{{/*
Gives the values that are missing their defaults. `helm upgrade --reuse-values` brings all values of the older chart, its
defaults too, and none of the newer chart's. Every template begins with it, since Helm renders them in no fixed order.
*/}}
{{- define "imagejobs.defaults" -}}
{{- include "imagejobs.fill" (list .Values (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end }}

{{/*
(list VALUES DEFAULTS). What is false, 0 or empty stays so, which sprig's merge would replace; and what people wrote into
Kubernetes' own objects stays as it is, because they delete a default there by `null`.
*/}}
{{- define "imagejobs.fill" -}}
{{- $values := index . 0 -}}
{{- range $name, $default := index . 1 -}}
{{- if not (hasKey $values $name) -}}
{{- $_ := set $values $name $default -}}
{{- else if and (kindIs "map" $default) (not (has $name (list "resources" "requests" "limits" "labels"))) -}}
{{- include "imagejobs.fill" (list (get $values $name) $default) -}}
{{- end -}}
{{- end -}}
{{- end }}
