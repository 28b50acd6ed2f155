/** One signal out of several, such as that of a call and one of the author's own. */
import { Cancel } from '../base/cancel.ts'

export interface JoinedSignals {
  readonly signal: AbortSignal
  /** The same, for the waiting line. */
  readonly cancel: Cancel
  /** Aborts it as one of the signals would. */
  abort(reason: unknown): void
  /** Stops listening to the signals, which may live much longer. */
  release(): void
}

export function joinSignals(sources: ReadonlyArray<AbortSignal | undefined>): JoinedSignals {
  const controller = new AbortController()
  const cancel = new Cancel()
  const abort = (reason: unknown): void => {
    controller.abort(reason)
    cancel.cancel('aborted')
  }
  const stops: Array<() => void> = []
  for (const source of sources) {
    if (!source) continue
    const aborted = (): void => abort(source.reason)
    if (source.aborted) aborted()
    source.addEventListener('abort', aborted)
    stops.push(() => source.removeEventListener('abort', aborted))
  }
  return {
    signal: controller.signal,
    cancel,
    abort,
    release() {
      for (const stop of stops) stop()
    },
  }
}
