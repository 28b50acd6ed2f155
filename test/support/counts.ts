/** The figures of the health report, as an operator sees them. */
import type { Mcplex } from './mcplex.ts'

export async function counts(mcplex: Mcplex): Promise<Readonly<Record<string, number>>> {
  const response = await fetch(`${mcplex.origin}/health?verbose`)
  const report = (await response.json()) as { readonly counts: Readonly<Record<string, number>> }
  return report.counts
}
