// A session-based server over stdio whose tool `long` runs as a task alone. Its arguments say how:
//
//   steps   how often it is asked before it has ended (default 1)
//   ask     whether it wants to know something of its client before that
//   lose    whether it forgets the task
//
// The tool `seen` returns what became of all tasks, as JSON.
import { createInterface } from 'node:readline'

/** @type {Map<string, { status: string, asked: number, args: any, waiting?: unknown }>} */
const tasks = new Map()
const relatedTask = 'io.modelcontextprotocol/related-task'
const say = (/** @type {object} */ message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const says = (/** @type {string} */ text) => ({ content: [{ type: 'text', text }] })
const inputSchema = { type: 'object' }

const describe = (/** @type {string} */ taskId) => {
  const task = tasks.get(taskId)
  const at = '2026-01-01T00:00:00Z'
  const statusMessage = `asked ${task?.asked} times`
  return { taskId, status: task?.status, statusMessage, createdAt: at, lastUpdatedAt: at, ttl: null, pollInterval: 1 }
}

function end(/** @type {string} */ taskId, /** @type {unknown} */ id, /** @type {string} */ text) {
  const task = tasks.get(taskId)
  if (task) task.status = 'completed'
  say({ id, result: { ...says(text), _meta: { [relatedTask]: { taskId }, own: 1 } } })
}

/** @type {Record<string, (params: any, id: unknown) => object | undefined>} */
const methods = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    serverInfo: { name: 'tasks-only', version: '1' },
    capabilities: { tools: {}, tasks: { cancel: {}, requests: { tools: { call: {} } } } },
  }),
  ping: () => ({}),
  'tools/list': () => ({
    tools: [
      { name: 'long', inputSchema, execution: { taskSupport: 'required' } },
      { name: 'seen', inputSchema },
    ],
  }),
  'tools/call'({ name, arguments: args = {}, task }) {
    if (name === 'seen') return says(JSON.stringify([...tasks.values()].map(({ status }) => status)))
    if (task === undefined) return { ...says('only as a task'), isError: true }
    const taskId = `task-${tasks.size + 1}`
    tasks.set(taskId, { status: 'working', asked: 0, args })
    return { task: describe(taskId) }
  },
  'tasks/get'({ taskId }) {
    const task = tasks.get(taskId)
    if (!task || task.args.lose) return undefined
    task.asked++
    if (task.status === 'working' && task.asked >= (task.args.steps ?? 1)) {
      task.status = task.args.ask ? 'input_required' : 'completed'
    }
    return describe(taskId)
  },
  'tasks/result'({ taskId }, id) {
    const task = tasks.get(taskId)
    if (task?.status !== 'input_required') {
      end(taskId, id, 'done')
      return undefined
    }
    task.waiting = id
    const params = { message: 'Which?', requestedSchema: { type: 'object', properties: {} } }
    say({ id: taskId, method: 'elicitation/create', params: { ...params, _meta: { [relatedTask]: { taskId } } } })
    return undefined
  },
  'tasks/cancel'({ taskId }) {
    const task = tasks.get(taskId)
    if (task) task.status = 'cancelled'
    return describe(taskId)
  },
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params, result, error } = JSON.parse(line)
  if (id === undefined) return
  if (method === undefined) {
    end(id, tasks.get(id)?.waiting, `answered ${JSON.stringify(result ?? error)}`)
    return
  }
  const answer = methods[method]?.(params, id)
  if (answer !== undefined) say({ id, result: answer })
  else if (method !== 'tasks/result') say({ id, error: { code: -32602, message: 'There is no such thing' } })
})
