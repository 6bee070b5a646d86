{{/* What every pod has: nobody's rights and no token. Takes (list $ "component" values). */}}
{{- define "meshlane.pod" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
serviceAccountName: {{ include "meshlane.serviceAccountName" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.spread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ . }}
    labelSelector:
      matchLabels:
        {{- include "meshlane.selector" (list $root (index $ 1)) | nindent 8 }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "meshlane.selector" (list $root (index $ 1)) | nindent 8 }}
{{- end }}
{{- end -}}

{{/* Labels and annotations of a pod; our labels win, since Services find pods by them. Takes (list $ "component" values). */}}
{{- define "meshlane.podMetadata" -}}
{{- $values := index . 2 -}}
{{- $own := include "meshlane.labels" (list (index . 0) (index . 1)) | fromYaml }}
labels:
  {{- merge (dict) $own (default (dict) $values.podLabels) | toYaml | nindent 2 }}
{{- with $values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "meshlane.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* Our processes answer /healthz while they run and /readyz while they can serve. Takes (list port scheme). */}}
{{- define "meshlane.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: {{ index . 0 }}, scheme: {{ index . 1 }} }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /healthz, port: {{ index . 0 }}, scheme: {{ index . 1 }} }
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: {{ index . 0 }}, scheme: {{ index . 1 }} }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* Callers learn that a pod leaves before it does. Kubernetes can wait by itself from 1.30 on; there is no shell to do it before. */}}
{{- define "meshlane.leave" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version -}}
lifecycle:
  preStop: { sleep: { seconds: 5 } }
{{- end -}}
{{- end -}}
