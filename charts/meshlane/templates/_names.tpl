{{- define "meshlane.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name, with the chart's unless it is in there already. 40 characters leave room for "-control-plane" and a pod's suffix. */}}
{{- define "meshlane.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "meshlane.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "meshlane.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a Service, a policy and a budget find pods by; never changes over upgrades. Takes (list $ "component"). */}}
{{- define "meshlane.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "meshlane.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "meshlane.labels" -}}
{{- $root := index . 0 -}}
{{ include "meshlane.selector" . }}
app.kubernetes.io/part-of: meshlane
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "meshlane.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "meshlane.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Takes (list image default-tag). */}}
{{- define "meshlane.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 1) $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Where the control plane keeps what it was told: every member of our etcd, or the cluster that is there. */}}
{{- define "meshlane.store" -}}
{{- $hosts := .Values.etcd.external.endpoints -}}
{{- if not $hosts -}}
{{- $name := printf "%s-etcd" (include "meshlane.fullname" .) -}}
{{- range $member := until (int .Values.etcd.replicas) -}}
{{- $hosts = append $hosts (printf "%s-%d.%s.%s.svc:2379" $name $member $name $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
etcd://{{ join "," $hosts }}{{ with .Values.etcd.external.prefix }}/{{ . }}{{ end }}
{{- end -}}

{{/* Where the collector forwards spans to; empty for nowhere. */}}
{{- define "meshlane.export" -}}
{{- if .Values.collector.export -}}
{{- .Values.collector.export -}}
{{- else if .Values.jaeger.enabled -}}
{{- printf "grpc://%s-jaeger.%s.svc:4317" (include "meshlane.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* The secrets of the control plane: those that are there, or those of the chart. */}}
{{- define "meshlane.accessSecret" -}}
{{- default (printf "%s-control-plane-access" (include "meshlane.fullname" .)) .Values.controlPlane.access.existingSecret -}}
{{- end -}}
{{- define "meshlane.tlsSecret" -}}
{{- default (printf "%s-control-plane-tls" (include "meshlane.fullname" .)) .Values.controlPlane.tls.existingSecret -}}
{{- end -}}
