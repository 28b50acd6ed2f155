import { describe, it } from 'vitest'
import { backplaneContract, createMemoryBackplane, manualClock } from '../../src/testing/index.ts'

backplaneContract({
  describe,
  it,
  tickMs: 1000,
  make() {
    const clock = manualClock()
    const backplane = createMemoryBackplane({ clock })
    return { connect: () => backplane, advance: (ms) => clock.advance(ms), close: () => backplane.close() }
  },
})
