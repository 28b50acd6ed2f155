// The API of Gemini, as its command line speaks it, which marks the results of tools as not to be trusted.

import { stream } from './model.mjs'

/** @type {import('./model.mjs').Dialect} */
export const generateContent = {
  isQuestion: ({ url }) => /:(streamG|g)enerateContent/.test(url ?? ''),
  toolsIn: ({ tools = [] }) =>
    tools.flatMap((/** @type {any} */ { functionDeclarations = [] }) =>
      functionDeclarations.map((/** @type {{ name: string }} */ { name }) => name),
    ),
  resultIn({ contents }, id) {
    const parts = contents.at(-1)?.parts ?? []
    const result = parts.find((/** @type {any} */ part) => part.functionResponse?.id === id)?.functionResponse
    if (result === undefined) return undefined
    const text = result.response.output ?? JSON.stringify(result.response)
    return text.replace(/^<untrusted_context>\n([^]*)\n<\/untrusted_context>$/, '$1')
  },
  answer(response, body, saying) {
    const part = 'text' in saying ? saying : { functionCall: { id: saying.id, name: saying.name, args: saying.input } }
    const candidate = { index: 0, content: { role: 'model', parts: [part] }, finishReason: 'STOP' }
    const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 }
    const whole = { candidates: [candidate], usageMetadata }
    if (response.req.url?.includes('streamGenerateContent')) return stream(response, [whole])
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(whole))
  },
}
