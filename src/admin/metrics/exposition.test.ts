import { Gauge, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { headInText, samplesInText } from './exposition.ts'

test('a metric is written as prom-client writes it, whatever its labels are', async () => {
  const registry = new Registry()
  const [name, help] = ['mcplex_odd', 'Help with \\ and\na second line.']
  const gauge = new Gauge({ name, help, labelNames: ['a', 'b'], registers: [registry] })
  const values = [
    { labels: { a: 'plain', b: 1 }, value: 0.5 },
    { labels: { a: 'quote " backslash \\ line\nend', b: 'é {}' }, value: 1e21 },
    { labels: { a: 'infinite' }, value: Infinity },
    { labels: { a: 'less' }, value: -Infinity },
    { labels: {}, value: -3 },
  ]
  for (const { labels, value } of values) gauge.set(labels, value)
  const own = `${headInText({ name, help, type: 'gauge' })}\n${samplesInText({ name }, values)}\n`
  expect(own).toBe(await registry.metrics())
})

test('a value may have a line of another name, and may be no number', () => {
  const samples = [{ metricName: 'one_bucket', labels: { le: '+Inf' }, value: Number.NaN }]
  expect(samplesInText({ name: 'one' }, samples)).toBe('one_bucket{le="+Inf"} NaN')
})
