/** Waiting in tests: look until something holds, and say what was waited for if it never does. */

/** Far above what anything here takes; only a hang gets there. */
const deadlineMs = 60_000
const lookEveryMs = 10

/** What `look` finds, as soon as it finds anything but undefined, null or false. Throws with what was waited for. */
export async function eventually<Found>(
  what: string,
  look: () => Found | undefined | null | false | Promise<Found | undefined | null | false>,
  withinMs: number = deadlineMs,
): Promise<Found> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== null && found !== false) return found
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}

/** The value of a promise. Throws with what was waited for if it does not come. */
export async function inTime<Value>(
  what: string,
  promise: Promise<Value>,
  withinMs: number = deadlineMs,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), withinMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
