/** The members of an upstream that are no single value: the command, its arguments, its variables. */
import { z } from 'zod'

const text = z.string()
/** The reader of files makes texts of these. */
const asText = ['string', 'number', 'boolean']
const texts = z.array(text.meta({ type: asText }))

const wrong = { code: 'config_structure', meant: undefined }
const notText = { fault: 'is not a text', accepted: 'a text' }
const aList = 'a list (arguments of the program) or a mapping (arguments of its tools)'
const bound =
  'arguments that each call of a tool gets that has them, whatever clients say. They are not shown to clients.'

const variables = z.record(text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/), text)

const shapes: Readonly<Record<string, z.ZodType>> = {
  module: text.meta({
    description: 'The path of a JavaScript or TypeScript module that exports a function which makes an SDK server.',
  }),
  command: z.union([text, texts.min(1)]).meta({
    description: 'The program of the server, or a list of the program and its arguments. It is run without a shell.',
  }),
  args: z
    .unknown()
    .superRefine((value, context) => {
      if (typeof value === 'string')
        context.addIssue({
          code: 'custom',
          params: { fault: { ...wrong, fault: 'is not a list or a mapping', accepted: aList } },
        })
      if (Array.isArray(value))
        for (const [at, one] of value.entries())
          if (typeof one !== 'string')
            context.addIssue({ code: 'custom', path: [at], params: { fault: { ...wrong, ...notText } } })
    })
    .meta({
      description: `Arguments of the program, as a list; or, as a mapping, ${bound}`,
      anyOf: [{ type: 'array', items: { type: asText } }, { type: 'object' }],
    }),
  boundArgs: z.record(text, z.unknown()).meta({ description: bound.replace('arguments', 'Arguments') }),
  env: variables.meta({
    description:
      'Variables for the server, beside the few that every program needs. For secrets: ${NAME} or ${file:path}.',
    additionalProperties: { type: asText },
  }),
}

/** What a tenant has of its own at upstreams, by the name of the upstream. */
const ofTenants: Readonly<Record<string, z.ZodType>> = {
  env: z.record(text, variables.meta({ additionalProperties: { type: asText } })).meta({
    description:
      'Variables for processes of the tenant alone, by the name of the server. For secrets: ${NAME} or ${file:path}.',
  }),
  args: z.record(text, z.record(text, z.unknown())).meta({
    description: `By the name of the server, ${bound}`,
  }),
}

/** The shape of a row that is no single value. @param key its key in the settings of an upstream */
export function givenShape(key: string): z.ZodType {
  return shapeIn(shapes, key)
}

/** The same of a tenant. */
export function tenantShape(key: string): z.ZodType {
  return shapeIn(ofTenants, key)
}

function shapeIn(all: Readonly<Record<string, z.ZodType>>, key: string): z.ZodType {
  const shape = all[key]
  if (!shape) throw new Error(`a file has no shape for ${key}`)
  return shape.optional()
}
