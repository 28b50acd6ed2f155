/** What has become of a server that was paused, resumed, disabled, enabled or recycled, in words. Pure. */
import type { ApiUpstreamChange } from '../../../admin/answers.ts'
import { timeLeft } from '../../table.ts'
import type { UpstreamChange } from './command.ts'

/** @param waits whether those that were there have ended */
export function recycleInWords(upstream: string, count: number, waits: boolean): string {
  if (count === 0) return `${upstream} has no worker to replace`
  const workers = count === 1 ? '1 worker' : `${count} workers`
  if (waits) return `${upstream}: ${workers} replaced`
  return `${upstream}: ${workers} ${count === 1 ? 'is replaced when its' : 'are replaced when their'} calls are over`
}

/** What a replacement waits for. @param states of the workers that have not ended */
export function waitInWords(upstream: string, states: readonly string[]): string {
  const starting = states.filter((state) => state === 'starting').length
  const parts = [
    ...(starting > 0
      ? [`${starting} still starting, to be replaced after ${starting === 1 ? 'its' : 'their'} start`]
      : []),
    ...(states.length > starting ? [`${states.length - starting} with calls, or ending`] : []),
  ]
  return `${upstream} waits for ${states.length === 1 ? '1 worker' : `${states.length} workers`}: ${parts.join('; ')}`
}

/** What has become of it, and what else is in force. */
export function changeInWords(
  kind: Exclude<UpstreamChange, 'recycle'>,
  { upstream, changed, access, resumesInMs, waiting }: ApiUpstreamChange,
  { waits, draining }: { readonly waits: boolean; readonly draining: boolean },
): string {
  const idle = waits ? '; no call runs any more' : ''
  const drains = draining ? '; this mcplex drains, and refuses new calls' : ''
  const also = access === 'disabled' ? '; it is disabled, until `mcplex upstreams enable`' : drains
  switch (kind) {
    case 'pause': {
      const effect = access === 'disabled' || draining ? '' : ': new calls wait'
      return `${upstream} is paused for ${timeLeft(resumesInMs ?? 0)}${effect}${idle}${also}`
    }
    case 'resume':
      return changed
        ? `${upstream} goes on: ${waiting === 1 ? '1 call still waits' : `${waiting} calls still wait`}${also}`
        : `${upstream} is not paused: nothing to do${also}`
    case 'disable':
      return `${upstream} is disabled${changed ? '' : ' already'}: its calls are refused${idle}`
    case 'enable': {
      const paused = resumesInMs === undefined ? '' : `; it is paused for another ${timeLeft(resumesInMs)}`
      return `${upstream} is ${changed ? 'enabled' : 'not disabled: nothing to do'}${paused}${drains}`
    }
  }
}
