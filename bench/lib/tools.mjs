// The answers that the bare yardstick and the bench's stdio child both give: one `echo` tool and
// nineteen more, about 5.5 KB as a list, unless another number is asked for. Both sides hold the same values, so that a difference
// between them is the server's and never the data's.

const filler = (index) => ({
  name: `lookup_${index}`,
  description: `Finds records of kind ${index} by key, filtered by state.`,
  inputSchema: {
    type: 'object',
    properties: {
      key: { type: 'string', description: 'Exact key' },
      state: { type: 'string', enum: ['open', 'closed', 'any'] },
      limit: { type: 'integer', minimum: 1, maximum: 100 },
    },
    required: ['key'],
  },
})

/** The tool `echo` and as many more as it takes. */
export const toolsOf = (count) => [
  {
    name: 'echo',
    description: 'Gives back its text.',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  },
  ...Array.from({ length: count - 1 }, (_, index) => filler(index + 1)),
]

export const tools = toolsOf(20)

/** The tools of a program that was started with `--tools N`; `tools` without that flag. */
export const toolsAsked = () => {
  const at = process.argv.indexOf('--tools')
  return at === -1 ? tools : toolsOf(Number(process.argv[at + 1]))
}

export const serverInfo = { name: 'bench', version: '1.0.0' }
export const capabilities = { tools: {} }
export const legacyVersion = '2025-11-25'
export const modernVersion = '2026-07-28'

/** The result of a call of `echo`, without what a revision adds. */
export const echoed = (text) => ({ content: [{ type: 'text', text }] })

const stamp = { 'io.modelcontextprotocol/serverInfo': serverInfo }

/** What revision 2026-07-28 adds to a result. */
export const modernResult = (result) => ({ resultType: 'complete', ...result, _meta: stamp })

/** What it adds to a result that may be kept. */
export const modernCacheable = (result) => ({
  resultType: 'complete',
  ...result,
  ttlMs: 60_000,
  cacheScope: 'public',
  _meta: stamp,
})
