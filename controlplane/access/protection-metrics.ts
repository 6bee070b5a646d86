import { Counter, Gauge, type Registry } from '../../observability/metrics/prom.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Gate } from './gate.ts';

/** What keeps the control plane to those who may use it. */
export type Protection = {
  readonly gate: Gate;
  readonly audit: AuditLog | null;
  readonly files: readonly ({ readonly isStale: boolean } | null)[];
};

export function addProtectionMetrics(registry: Registry, { gate, audit, files }: Protection): void {
  const refused = new Counter({
    name: 'meshlane_control_plane_refused_total',
    help: 'Requests and calls refused: unauthenticated, forbidden, or slowed for wrong tokens.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      refused.reset();
      for (const [reason, count] of Object.entries(gate.refusals)) refused.inc({ reason }, count);
    },
  });
  new Gauge({
    name: 'meshlane_control_plane_files_stale',
    help: 'Access files and certificates that cannot be used as they are now, so that an older version is in force.',
    registers: [registry],
    collect() {
      this.set(files.filter((file) => file?.isStale).length);
    },
  });
  const lost = new Counter({
    name: 'meshlane_control_plane_audit_lines_lost_total',
    help: 'Lines of the audit log that found no room while it could not be written.',
    registers: [registry],
    collect() {
      lost.reset();
      lost.inc(audit?.lost ?? 0);
    },
  });
}
