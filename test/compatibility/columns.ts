/** The columns of the table: every client before every server. */
const clients = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
export const stateless = '2026-07-28'

/** A client, and the server that it reaches through a mcplex. */
export interface Column {
  readonly client: string
  /** The server by name, with a mark where the operator has said a word. */
  readonly server: string
  readonly speaks: 'old' | 'new' | 'dual'
  /** The major of the SDK whose object it is, in a module; else it is a program. */
  readonly sdk?: 1 | 2
  /** Options of `serve`. */
  readonly options: readonly string[]
}

/** Clients without a session come twice to servers before which an operator has to say what they share. */
export const columns: readonly Column[] = clients.flatMap((client): Column[] => {
  const plain = (['old', 'new', 'dual'] as const).map((speaks) => ({ client, server: speaks, speaks, options: [] }))
  if (client !== stateless) return plain
  const options = ['--stateless', 'principal']
  return [...plain, ...(['old', 'dual'] as const).map((speaks) => ({ client, server: `${speaks} †`, speaks, options }))]
})

/** Every client before modules, whose server objects speak the era with sessions. */
export const moduleColumns: readonly Column[] = clients.flatMap((client) =>
  ([1, 2] as const).map((sdk): Column => {
    const isStateless = client === stateless
    const options = isStateless ? ['--stateless', 'principal'] : []
    return { client, server: `SDK ${sdk}${isStateless ? ' †' : ''}`, speaks: 'old', sdk, options }
  }),
)
