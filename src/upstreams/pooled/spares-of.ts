/** The spares of an upstream: for which clients they are, and how many there should be. */
import { isCommon } from '../pooling/isolation-group.ts'
import type { Pool } from '../pooling/pool.ts'
import type { SingleInstance } from '../pooling/single-instance.ts'
import { createSpares, type Spares } from '../pooling/spares.ts'
import type { WorkerSlots } from '../pooling/worker-slots.ts'
import type { WorkerStarts } from '../pooling/worker-starts.ts'
import type { ServerEra } from '../server-era.ts'
import type { ConnectedInstance } from './connected-instance.ts'
import type { PooledUpstreamNeeds } from './pooled-upstream-needs.ts'
import type { ServerProgram } from './server-program.ts'

/** @param serverEras those in use */
export function sparesOf(
  serverEras: readonly ServerEra[],
  { settings, clock, isUnderLoad = () => false }: Pick<PooledUpstreamNeeds, 'settings' | 'clock' | 'isUnderLoad'>,
  { isMadeForCallers = false }: ServerProgram,
  { pool, slots }: { readonly pool: Pool; readonly slots: WorkerSlots<ConnectedInstance> },
  starts: WorkerStarts,
  onlyOne: SingleInstance,
): Spares {
  // Workers that all clients share are started for them, and not as spares.
  const kept = serverEras.find(({ mode }) => mode !== 'shared')
  const spared = serverEras.find(({ codec, mode }) => codec.era === 'legacy' && !isCommon(mode))
  const serverEra = spared ?? kept
  return createSpares({
    wanted() {
      const missing = kept && !isMadeForCallers ? settings.poolMin - slots.taken + slots.for('spare').size : 0
      return Math.max(0, spared ? settings.spares : 0, missing)
    },
    clock,
    takeSlot: () => (pool.lacksSlots || isUnderLoad() ? undefined : slots.take('spare')),
    mayStart: () => starts.crashLoopGuard.fault === undefined && !onlyOne.isKnown,
    failed: (exit) => serverEra && starts.spareFailed(exit, serverEra),
  })
}
