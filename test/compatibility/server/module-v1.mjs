// The server of the table as a module with the older SDK. FEATURE_NOTES is the folder of its files.

import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import * as types from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { addFeatures, info, options } from './sdk-object.mjs'

const tasks = { list: {}, cancel: {}, requests: { tools: { call: {} } } }

/** @type {Record<string, any>} */
const schemas = {
  'tools/list': types.ListToolsRequestSchema,
  'tools/call': types.CallToolRequestSchema,
  'resources/list': types.ListResourcesRequestSchema,
  'resources/templates/list': types.ListResourceTemplatesRequestSchema,
  'resources/read': types.ReadResourceRequestSchema,
  'resources/subscribe': types.SubscribeRequestSchema,
  'resources/unsubscribe': types.UnsubscribeRequestSchema,
  'prompts/list': types.ListPromptsRequestSchema,
  'prompts/get': types.GetPromptRequestSchema,
  'completion/complete': types.CompleteRequestSchema,
  'logging/setLevel': types.SetLevelRequestSchema,
  'tasks/get': types.GetTaskRequestSchema,
  'tasks/list': types.ListTasksRequestSchema,
  'tasks/result': types.GetTaskPayloadRequestSchema,
  'tasks/cancel': types.CancelTaskRequestSchema,
}

const schemaOf = (/** @type {string} */ method) =>
  schemas[method] ?? z.object({ method: z.literal(method), params: z.any() })

/** The SDK does not say which version was agreed on. */
class VersionedServer extends Server {
  version = ''

  async _oninitialize(/** @type {any} */ request) {
    // @ts-expect-error: private in its types
    const result = await super._oninitialize(request)
    this.version = result.protocolVersion
    return result
  }
}

export default function createServer() {
  const server = new VersionedServer(info, { ...options, capabilities: { ...options.capabilities, tasks } })
  addFeatures(
    {
      on: (method, handler) =>
        server.setRequestHandler(schemaOf(method), (/** @type {any} */ { params = {} }, /** @type {any} */ extra) =>
          handler(params, {
            signal: extra.signal,
            notify: (message) => extra.sendNotification(message),
            request: (message, more) => extra.sendRequest(message, z.looseObject({}), more),
          }),
        ),
      onNotification: (_method, handler) =>
        server.setNotificationHandler(types.RootsListChangedNotificationSchema, handler),
      notify: (message) => server.notification(/** @type {any} */ (message)),
      client: () => ({
        version: server.version,
        capabilities: server.getClientCapabilities() ?? {},
        info: server.getClientVersion() ?? {},
      }),
    },
    true,
  )
  return server
}
