/**
 * A stdio command as an upstream for any number of clients: finds the unit of each caller, gets it a process, and
 * keeps calls, changes and questions of different units apart. What it is made of: `pool` decides who waits, `face`
 * opens processes, `keepers` learn, `subscriptions` tell processes what clients want to hear.
 */
import { cpus } from 'node:os'
import { type Clock, pause } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import type { Call, EraName, Outcome, Reply, Seat, Update } from '../protocol/call.ts'
import { editObject, emptyObject, isObject, type JsonObject, type RawObject } from '../protocol/json-text.ts'
import { withMeta } from '../protocol/jsonrpc.ts'
import { metaKeys } from '../protocol/revisions.ts'
import type { Dialect } from '../protocol/dialect.ts'
import type { Connection } from './connection.ts'
import { changesAfterRestart, createOpener, type Face, type ProcessEvents, replay } from './face.ts'
import { answers, changedLists, createKeepers, listPage, ownSeat, ownSpeaker, profileKey } from './keepers.ts'
import type { UpstreamSettings } from './options.ts'
import { createPool } from './pool.ts'
import { Restarts } from './restarts.ts'
import { createSpares, type Spares } from './spares.ts'
import { startFaces } from './start.ts'
import type { Child, ChildExit } from './stdio/child.ts'
import { createSubscriptions, isWanted, type Subscriptions } from './subscriptions.ts'
import { createUnit, type Listener, mayAsk, type Owner, type Unit, unitKey } from './unit.ts'
import type { FaceFacts, Learning, Listening, Upstream } from './upstream.ts'

const sweepMs = 500
const pingMs = 5000
/** Having heard from a process this recently proves that the server answers. */
const freshMs = 1000

export interface StdioUpstreamNeeds {
  readonly settings: UpstreamSettings
  readonly queue: number
  readonly queueWaitMs: number
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** Starts the server's program. */
  readonly startChild: (purpose: string) => Child
}

export function createStdioUpstream(needs: StdioUpstreamNeeds): Upstream {
  const { settings, clock, log } = needs
  const faces = new Map<EraName, Face>()
  const units = new Map<string, Unit>()
  const listeners = new Map<string, Set<Listener>>()
  const subscriptions = new WeakMap<Unit, Subscriptions>()
  const profiles = new Set<string>()
  const restarts = new Restarts()
  const opener = createOpener({ settings, clock, events: needs.events, log, restarts })
  const staleListeners: Array<(source: string, list: string | undefined) => void> = []
  let spares: Spares | undefined
  let closed = false

  const pool = createPool({
    settings,
    queue: needs.queue,
    queueWaitMs: needs.queueWaitMs,
    clock,
    units: () => units.values(),
    spares: () => spares?.size ?? 0,
    start: startProcess,
  })
  const keepers = createKeepers({
    clock,
    async open(source, face, speaker, announced) {
      await untilStartIsAllowed(restarts)
      const owner: Owner = { unit: undefined, source }
      const seat = { principal: { tenant: '', subject: '' }, speaker, session: undefined }
      const opened = await opener.open(needs.startChild('catalogue'), { ...eventsOf(face.dialect, owner), seat, announced, attribution: 'none', greet: true })
      return { connection: opened.connection, hello: opened.hello ?? face.hello }
    },
  })

  function eventsOf(dialect: Dialect, owner: Owner): ProcessEvents {
    return {
      dialect,
      unsolicited: (connection: Connection, update: Update) => said(owner, connection, update),
      ended: (connection: Connection, exit: ChildExit) => ended(owner, connection, exit),
      unattributed(method: string) {
        needs.events.emit('askUnattributed', { method })
        if (!owner.unit || owner.unit.exclusive || owner.unit.attribution === 'own') return
        // [protocol: sharing] a server that asks its client cannot be shared between calls: one at a time from here on
        owner.unit.exclusive = true
        log.warn({ method, unit: owner.unit.key.split('/')[1] }, 'shared server asked its client a question: it now serves one call at a time; consider --mode session')
      },
    }
  }

  async function untilStartIsAllowed(limit: Restarts): Promise<void> {
    const now = clock.now()
    if (limit.isOpen(now)) throw new Refusal('upstream_unavailable', { retryAfterMs: limit.pauseMs(now) })
    const wait = limit.pauseMs(now)
    if (wait > 0) await pause(clock, wait)
  }

  async function startProcess(unit: Unit): Promise<Connection> {
    await untilStartIsAllowed(unit.restarts)
    await untilStartIsAllowed(restarts)
    if (unit.ended || closed) throw new Refusal('upstream_closed')
    const face = faceOf(unit.seat)
    const owner: Owner = { unit, source: undefined }
    const child = (unit.dialect.era === 'legacy' ? spares?.take() : undefined) ?? needs.startChild('serve')
    const opened = await opener.open(child, { ...eventsOf(face.dialect, owner), seat: unit.seat, announced: unit.announced, attribution: unit.attribution, greet: false })
    const { connection } = opened
    await replay(unit, connection, pingMs)
    unit.connections.add(connection)
    await subscriptionsOf(unit).sync(connection)
    if (unit.ended || connection.closed) {
      unit.connections.delete(connection)
      void connection.close()
      throw new Refusal('upstream_closed')
    }
    if (unit.lost) {
      unit.lost = false
      log.info({ upstream_pid: connection.pid, reason: 'upstream_restarted' }, 'a process was replaced; what it remembered is lost')
      for (const update of changesAfterRestart(face.hello)) deliver(unit, update)
    }
    spares?.fill()
    return connection
  }

  function ended(owner: Owner, connection: Connection, exit: ChildExit): void {
    const { unit } = owner
    if (unit) {
      unit.connections.delete(connection)
      for (const [list, source] of unit.changed) if (source === connection) unit.changed.delete(list)
      if (!exit.expected && !closed) {
        unit.lost = true
        unit.restarts.failed(clock.now())
        log.warn({ upstream_pid: connection.pid, exit: exit.code, signal: exit.signal }, 'upstream process ended unexpectedly')
      }
    } else if (!exit.expected && !closed && faces.size > 0) restarts.failed(clock.now())
    if (!closed) pool.freed()
  }

  /** What a process says outside of calls. */
  function said(owner: Owner, connection: Connection, update: Update): boolean {
    const { unit } = owner
    if (update.kind === 'notification') {
      for (const list of changedLists(update.method)) {
        if (unit) unit.changed.set(list, connection)
        for (const stale of staleListeners) stale(unit ? `u:${unit.key}` : (owner.source ?? ''), list)
      }
      if (!unit) return true
      if (subscriptionsOf(unit).acknowledge(connection, update.method, update.params)) return true
    }
    return unit !== undefined && deliver(unit, update)
  }

  function deliver(unit: Unit, update: Update): boolean {
    let taken = false
    for (const listener of listeners.get(unit.key) ?? []) {
      if (update.kind === 'ask') {
        if (unit.attribution !== 'own') return false
        listener.take(update)
        return true
      }
      const personal = unit.attribution === 'own' && !update.method.endsWith('list_changed') && update.method !== 'notifications/resources/updated'
      if (!personal && !isWanted(listener.filter, update.method, update.params)) continue
      listener.take(withoutSubscription(update))
      taken = true
    }
    return taken || unit.attribution !== 'own'
  }

  function subscriptionsOf(unit: Unit): Subscriptions {
    let known = subscriptions.get(unit)
    if (!known) {
      known = createSubscriptions(unit, () => [...(listeners.get(unit.key) ?? []), catalogueListener], clock)
      subscriptions.set(unit, known)
    }
    return known
  }

  function faceOf(seat: Seat): Face {
    const face = faces.get(seat.speaker.era) ?? faces.values().next().value
    if (!face) throw new Refusal('upstream_unavailable')
    return face
  }

  function announcedTo(face: Face, seat: Seat): RawObject {
    return face.dialect.announced(seat.speaker, mayAsk(face.mode))
  }

  function keyOf(face: Face, seat: Seat): string {
    return unitKey(seat, face.dialect.era, face.mode, () => announcedTo(face, seat).text)
  }

  function unitOf(seat: Seat): Unit {
    const face = faceOf(seat)
    const key = keyOf(face, seat)
    let unit = units.get(key)
    if (!unit) {
      const own = face.mode === 'shared' || face.mode === 'tenant' ? { ...ownSeat(face), principal: seat.principal } : seat
      unit = createUnit(key, face.dialect, face.mode, { ...own, session: seat.session }, announcedTo(face, own).value, { pool: settings.pool, cores: cpus().length })
      units.set(key, unit)
    }
    return unit
  }

  async function* call(call: Call): Reply {
    const unit = unitOf(call)
    if (unit.dialect.era === 'modern' && sessionMethods.has(call.method)) return nothing
    if (unit.attribution !== 'own' && call.method.startsWith('tasks/') && unit.dialect.era === 'legacy') throw new Refusal('method_not_found')
    let connection = pool.take(unit, call)
    if (!connection) {
      connection = await pool.wait(unit, call)
      connection.unreserve()
    }
    if (unit.attribution === 'own' && unit.logLevel !== call.logLevel) {
      unit.logLevel = call.logLevel
      await replay(unit, connection, pingMs)
    }
    const exchange = connection.begin(call)
    if (call.method === 'resources/subscribe') subscriptionsOf(unit).noteSubscribe(connection, call.params?.value['uri'])
    const stopListening = call.cancel.onCancel(() => exchange.fail(new Refusal('cancelled')))
    let reason = call.cancel.reason ?? 'abandoned'
    try {
      for (;;) {
        const update = exchange.take()
        if (update) yield update
        else {
          const outcome = exchange.outcome()
          if (outcome) {
            reason = ''
            return outcome
          }
          await exchange.changed()
        }
      }
    } finally {
      stopListening()
      connection.finish(exchange, reason === '' ? '' : (call.cancel.reason ?? reason))
      // What a cancelled call leaves behind in a process of one call at a time could be taken for the next one's.
      if (reason !== '' && unit.exclusive && !connection.closed) void connection.close()
      pool.released()
    }
  }

  const sweeper = clock.every(sweepMs, () => {
    const now = clock.now()
    for (const unit of units.values()) {
      for (const connection of unit.connections) if (connection.expire(now)) void check(connection, unit)
      const empty = unit.connections.size === 0 && unit.starting === 0 && unit.waiting === 0
      if (empty && !unit.lost && !listeners.has(unit.key)) units.delete(unit.key)
    }
    pool.sweep()
    keepers.sweep()
  })

  /** A process that let a call time out and does not answer a ping either is ended. */
  async function check(connection: Connection, unit: Unit): Promise<void> {
    if (await answers(connection, unit.seat.speaker, pingMs)) return
    if (connection.closed) return
    log.warn({ upstream_pid: connection.pid }, 'upstream process does not react and is ended')
    unit.lost = true
    unit.restarts.failed(clock.now())
    connection.kill()
  }

  const learning: Learning = {
    sourceOf(seat, list) {
      const face = faceOf(seat)
      const unit = units.get(keyOf(face, seat))
      if (unit && list !== undefined && unit.changed.has(list)) return `u:${unit.key}`
      const profile = profileKey(announcedTo(face, seat), profiles)
      profiles.add(profile)
      return `p:${face.dialect.era}/${profile}`
    },
    async hello(seat, source) {
      const face = faceOf(seat)
      if (face.dialect.era === 'modern') return face.hello
      if (face.mode === 'shared') return withoutTasks(face.hello)
      const keeper = await keepers.get(source, face, announcedIn(source))
      return face.mode === 'session' ? keeper.hello : withoutTasks(keeper.hello)
    },
    async list(seat, source, method, cursor) {
      const face = faceOf(seat)
      const unit = units.get(face.mode === 'shared' ? keyOf(face, seat) : source.slice(2))
      if (unit) {
        const connection = unit.changed.get(method) ?? [...unit.connections][0] ?? (await startProcess(unit))
        return listPage(connection, method, cursor, seat.speaker, unit.announced)
      }
      // The stateless era needs no process for each profile: the request says whom the list is for.
      const announced = announcedIn(source)
      const keeper = await keepers.get(face.dialect.era === 'modern' ? 'p:modern/{}' : source, face, face.dialect.era === 'modern' ? {} : announced)
      return listPage(keeper.connection, method, cursor, ownSpeaker(face, announced), announced)
    },
    onStale: (stale) => void staleListeners.push(stale),
  }

  return {
    call,
    learning,
    async start(): Promise<readonly FaceFacts[]> {
      const found = await startFaces({ ...needs, opener, eventsOf })
      for (const { face, owner, connection } of found) {
        faces.set(face.dialect.era, face)
        if (face.mode !== 'shared') keepers.add(`p:${face.dialect.era}/{}`, { connection, hello: face.hello })
        else {
          owner.unit = unitOf(ownSeat(face))
          owner.unit.connections.add(connection)
          void subscriptionsOf(owner.unit).sync(connection)
        }
      }
      const spared = [...faces.values()].some((face) => face.dialect.era === 'legacy' && face.mode !== 'shared' && face.mode !== 'tenant')
      spares = createSpares({ wanted: spared ? settings.spares : 0, start: () => needs.startChild('spare'), room: pool.hasRoom })
      spares.fill()
      return found.map(({ face }) => ({ era: face.dialect.era, mode: face.mode, hello: face.hello }))
    },
    async listen(seat, filter, take): Promise<Listening> {
      const key = keyOf(faceOf(seat), seat)
      const listener: Listener = { filter, take }
      const set = listeners.get(key) ?? new Set()
      listeners.set(key, set.add(listener))
      const sync = async (): Promise<void> => {
        const unit = units.get(key)
        if (unit) await Promise.all([...unit.connections].map((connection) => subscriptionsOf(unit).sync(connection)))
      }
      await sync()
      return {
        refilter(changed) {
          listener.filter = changed
          return sync()
        },
        stop() {
          set.delete(listener)
          if (set.size === 0 && listeners.get(key) === set) listeners.delete(key)
          void sync()
        },
      }
    },
    tell(seat, method, params) {
      const unit = units.get(keyOf(faceOf(seat), seat))
      if (unit?.attribution !== 'own') return
      for (const connection of unit.connections) connection.tell(method, params)
    },
    endSession(seat) {
      const face = faceOf(seat)
      const unit = units.get(keyOf(face, seat))
      if (unit?.attribution !== 'own') return
      unit.ended = true
      units.delete(unit.key)
      listeners.delete(unit.key)
      for (const connection of unit.connections) void connection.close()
    },
    counts: () => ({ processes: pool.processes + [...keepers.live()].length, waitingCalls: pool.waiting }),
    async check() {
      const now = clock.now()
      const serving = [...units.values()].flatMap((unit) => [...unit.connections])
      const all = [...keepers.live(), ...serving]
      if (all.some((connection) => now - connection.heardAtMs < freshMs)) return true
      const face = faces.values().next().value
      if (!face) return false
      try {
        const resident = all[0] ?? (await keepers.get(`p:${face.dialect.era}/{}`, face, {})).connection
        return await answers(resident, ownSpeaker(face, {}), 2000)
      } catch {
        return false
      }
    },
    async close() {
      closed = true
      sweeper.stop()
      pool.close()
      const all = [...units.values()].flatMap((unit) => [...unit.connections])
      units.clear()
      await Promise.all([...all.map((connection) => connection.close()), keepers.close(), spares?.close()])
    },
  }
}

/** What a session asks of a server of its own era; a stateless one is told by the listen that follows. */
const sessionMethods = new Set(['resources/subscribe', 'logging/setLevel'])
const nothing: Outcome = { answer: { kind: 'result', result: emptyObject }, spoken: 'legacy', process: undefined }

/** The catalogue wants to know of every change, whoever else does. */
const catalogueListener: Listener = {
  filter: { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceUris: new Set() },
  take() {},
}

/** Tasks of one connection are listed to all who share it, so they are offered to nobody there. */
function withoutTasks(hello: RawObject): RawObject {
  const capabilities = hello.value['capabilities']
  if (!isObject(capabilities) || !('tasks' in capabilities)) return hello
  const { tasks: _, ...rest } = capabilities
  return editObject(hello, { capabilities: rest })
}

/** The capabilities that a profile's source was named for. */
function announcedIn(source: string): JsonObject {
  const value: unknown = JSON.parse(source.slice(source.indexOf('/') + 1))
  return isObject(value) ? value : {}
}

/** A listener is told without the id of our own subscription. */
function withoutSubscription(update: Update & { kind: 'notification' }): Update {
  const meta = update.params?.value['_meta']
  if (!isObject(meta) || !(metaKeys.subscription in meta)) return update
  return { ...update, params: withMeta(update.params, { [metaKeys.subscription]: undefined }) }
}
