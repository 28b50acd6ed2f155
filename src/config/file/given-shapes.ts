/** The members of an upstream that are no single value: the command, its arguments, its variables. */
import { z } from 'zod'

const text = z.string()
const texts = z.array(z.string())

const shapes: Readonly<Record<string, z.ZodType>> = {
  module: text.meta({
    description: 'The path of a JavaScript or TypeScript module that exports a function which makes an SDK server.',
  }),
  command: z.union([text, texts.min(1)]).meta({
    description: 'The program of the server, or a list of the program and its arguments. It is run without a shell.',
  }),
  args: texts.meta({ description: 'Arguments of the program.' }),
  env: z.record(text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/), text).meta({
    description:
      'Variables for the server, beside the few that every program needs. For secrets: ${NAME} or ${file:path}.',
    additionalProperties: { type: ['string', 'number', 'boolean'] },
  }),
}

/** The shape of a row that is no single value. @param key its key in the settings of an upstream */
export function givenShape(key: string): z.ZodType {
  const shape = shapes[key]
  if (!shape) throw new Error(`a file has no shape for ${key}`)
  return shape.optional()
}
