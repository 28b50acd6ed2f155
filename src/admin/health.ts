/** Where the health report is described for now; see protocol/health.ts. */
export type { HealthCheck, HealthReport, HealthStatus } from '../protocol/health.ts'
