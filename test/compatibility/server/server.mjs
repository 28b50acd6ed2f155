// A stdio server with every feature of the protocol, in each era, written without an SDK.
// `server.mjs --speaks=old|new|dual --notes=FOLDER`, where the folder is what its processes have in common.
//
// Promises: one behaviour, worded as the era of the message says; what one era cannot say, its tools list does not have.
// A new request is told by the version in its `_meta`; in `old` such requests are unknown, in `new` all others are refused.

import { openWire } from '../../fixtures/echo/lines.mjs'
import { createNewFace } from './stateless.mjs'
import { createOldFace } from './session-based.mjs'

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

const speaks = /^--speaks=(old|new|dual)$/.exec(process.argv[2] ?? '')?.[1]
if (speaks === undefined) {
  process.stderr.write('say --speaks=old, --speaks=new or --speaks=dual\n')
  process.exit(2)
}

const send = (/** @type {object} */ message) => wire.send(JSON.stringify({ jsonrpc: '2.0', ...message }))
const raw = (/** @type {string} */ text) => wire.send(text)
const oldFace = createOldFace({ send, raw })
const newFace = createNewFace({ send, raw })

function onMessage(/** @type {any} */ message) {
  const isNew = message.params?._meta?.[VERSION_KEY] !== undefined
  if (speaks === 'new') newFace.take(message)
  else if (speaks === 'dual' && isNew) newFace.take(message)
  else {
    oldFace.take(message)
    // A cancellation names no era, and the ids of the two cannot meet in one process.
    if (speaks === 'dual' && message.method === 'notifications/cancelled') newFace.take(message)
  }
}

const wire = openWire({ onMessage, onEnd: () => process.exit(0) })
