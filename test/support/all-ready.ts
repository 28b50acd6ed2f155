/** Waits for all servers behind one mcplex: it does not wait for every one itself. */
import { eventually } from './eventually.ts'

interface Health {
  readonly checks: Readonly<Record<string, { readonly ok: boolean }>>
}

/** @param url of any endpoint of the mcplex */
export async function allReady(url: string): Promise<void> {
  await eventually('all servers have started', async () => {
    const { checks } = (await (await fetch(new URL('/health', url))).json()) as Health
    return Object.values(checks).every(({ ok }) => ok)
  })
}
