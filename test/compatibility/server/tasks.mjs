// Work that outlives its call: the tasks of 2025-11-25, and the tasks extension of the stateless revision.
//
// Promises: `job` is a task for a client that asks for one (session-based) or declares the extension (stateless), else a call;
// `job-only` cannot be had in 2025-11-25 without being a task. A job is done as soon as it was looked at once.

import { randomUUID } from 'node:crypto'
import { Refused, text } from './tools.mjs'

const EXTENSION = 'io.modelcontextprotocol/tasks'
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'
const TTL_MS = 60_000
const POLL_MS = 10

/** @type {import('./tools.mjs').Tool[]} */
export const jobTools = [
  { name: 'job', more: { execution: { taskSupport: 'optional' } }, run: () => 'the job is done' },
  {
    name: 'job-only',
    until: '2026-07-28',
    more: { execution: { taskSupport: 'required' } },
    run: () => {
      throw new Refused(-32601, 'The tool job-only is to be called as a task')
    },
  },
]

/** @typedef {{ id: string, status: string, looks: number, at: string }} Job */

function createJobs() {
  /** @type {Map<string, Job>} */
  const jobs = new Map()
  return {
    begin() {
      const job = { id: randomUUID(), status: 'working', looks: 0, at: new Date().toISOString() }
      jobs.set(job.id, job)
      return job
    },
    find(/** @type {string} */ id) {
      const job = jobs.get(id)
      if (!job) throw new Refused(-32602, `Unknown task: ${id}`)
      return job
    },
    look(/** @type {Job} */ job) {
      if (job.status === 'working' && ++job.looks > 1) job.status = 'completed'
      return job
    },
    all: () => [...jobs.values()],
  }
}

const result = text('the job is done')
const isJob = (/** @type {any} */ { name }) => name === 'job' || name === 'job-only'

/** As in 2025-11-25: the client asks for a task, and fetches its result. */
export function createOldJobs() {
  const jobs = createJobs()
  const told = (/** @type {Job} */ { id, status, at }) => ({
    taskId: id,
    status,
    createdAt: at,
    lastUpdatedAt: at,
    ttl: TTL_MS,
    pollInterval: POLL_MS,
  })
  const related = (/** @type {string} */ taskId) => ({ 'io.modelcontextprotocol/related-task': { taskId } })
  return {
    begin: (/** @type {any} */ params) =>
      isJob(params) && params.task !== undefined ? { task: told(jobs.begin()) } : undefined,
    methods: {
      'tasks/get': (/** @type {any} */ { taskId }) => told(jobs.look(jobs.find(taskId))),
      'tasks/list': () => ({ tasks: jobs.all().map(told) }),
      'tasks/result': (/** @type {any} */ { taskId }) => {
        jobs.find(taskId).status = 'completed'
        return { ...result, _meta: related(taskId) }
      },
      'tasks/cancel': (/** @type {any} */ { taskId }) => {
        const job = jobs.find(taskId)
        if (job.status !== 'working') throw new Refused(-32602, 'The task is over')
        job.status = 'cancelled'
        return told(job)
      },
    },
  }
}

/** As the extension has it: the server decides, and the result comes with the state. */
export function createNewJobs() {
  const jobs = createJobs()
  const told = (/** @type {Job} */ { id, status, at }) => ({
    taskId: id,
    status,
    createdAt: at,
    lastUpdatedAt: at,
    ttlMs: TTL_MS,
    pollIntervalMs: POLL_MS,
    ...(status === 'completed' && { result }),
  })
  const declares = (/** @type {any} */ params) => params._meta?.[CAPABILITIES]?.extensions?.[EXTENSION] !== undefined
  const guarded = (/** @type {(params: any) => object} */ method) => (/** @type {any} */ params) => {
    if (declares(params)) return method(params)
    throw new Refused(-32021, 'The client lacks the extension', {
      requiredCapabilities: { extensions: { [EXTENSION]: {} } },
    })
  }
  return {
    begin: (/** @type {any} */ params) =>
      isJob(params) && declares(params) ? { resultType: 'task', ...told(jobs.begin()) } : undefined,
    methods: {
      'tasks/get': guarded(({ taskId }) => told(jobs.look(jobs.find(taskId)))),
      'tasks/update': guarded(({ taskId }) => (jobs.find(taskId), {})),
      'tasks/cancel': guarded(({ taskId }) => {
        const job = jobs.find(taskId)
        if (job.status === 'working') job.status = 'cancelled'
        return {}
      }),
    },
  }
}
