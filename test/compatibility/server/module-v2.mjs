// The server of the table as a module with the newer SDK. FEATURE_NOTES is the folder of its files.

import { Server } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { addFeatures, info, options } from './sdk-object.mjs'

/** What the SDK does not know it takes with a schema. */
const own = new Set(['com.example/hello'])
export default function createServer() {
  const server = new Server(info, options)
  addFeatures(
    {
      on(method, handler) {
        const handle = (/** @type {any} */ params, /** @type {any} */ { mcpReq }) =>
          handler(params, {
            signal: mcpReq.signal,
            notify: (message) => mcpReq.notify(message),
            request: (message, more) => mcpReq.send(message, more),
          })
        if (own.has(method)) server.setRequestHandler(method, { params: z.looseObject({}) }, handle)
        else
          server.setRequestHandler(
            /** @type {any} */ (method),
            (/** @type {any} */ { params = {} }, /** @type {any} */ context) => handle(params, context),
          )
      },
      onNotification: (method, handler) => server.setNotificationHandler(/** @type {any} */ (method), handler),
      notify: (message) => server.notification(/** @type {any} */ (message)),
      client: () => ({
        version: server.getNegotiatedProtocolVersion() ?? '',
        capabilities: server.getClientCapabilities() ?? {},
        info: server.getClientVersion() ?? {},
      }),
    },
    false,
  )
  return server
}
