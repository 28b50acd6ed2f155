/** The text format of Prometheus, as prom-client writes it. [prometheus.io/docs/instrumenting/exposition_formats] Pure. */
import type { Metric } from './read-state.ts'
import type { Sample } from './tally.ts'

/** The lines that say what a metric is. */
export function headInText({ name, help, type }: Pick<Metric, 'name' | 'help' | 'type'>): string {
  return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}`
}

/** A line for each value of a metric; `values` has one at least. */
export function samplesInText({ name }: Pick<Metric, 'name'>, values: readonly Sample[]): string {
  return values.map((sample) => `${sample.metricName ?? name}${labelsOf(sample)} ${numberOf(sample.value)}`).join('\n')
}

function labelsOf({ labels }: Sample): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${quoted(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function quoted(text: string): string {
  return escaped(text).replaceAll('"', '\\"')
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function numberOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (Number.isFinite(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}
