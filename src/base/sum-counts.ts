/**
 * The figures of several parts as those of the whole: sums, and the longest of times, whose names end in `Ms`.
 * @param parts figures by name; one that a part does not have counts as 0
 */
export function sumCounts(parts: Iterable<Readonly<Record<string, number>>>): Record<string, number> {
  const whole: Record<string, number> = {}
  for (const part of parts)
    for (const [name, count] of Object.entries(part)) {
      const before = whole[name] ?? 0
      whole[name] = name.endsWith('Ms') ? Math.max(before, count) : before + count
    }
  return whole
}
