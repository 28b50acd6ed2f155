/** The OpenAPI document of the JSON API, made of its operations and schemas. */
import { z } from 'zod'
import { version } from '../base/version.ts'
import { api, type ApiOperation, type BodyMember, type OperationId, type QueryParameter } from './api.ts'
import { answers, problem } from './schemas.ts'

/** The document, as an object. */
export function openapiDocument(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [id, operation] of Object.entries<ApiOperation>(api)) {
    const { method, path } = operation
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(id as OperationId, operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'mcplex, for operators',
      version,
      description:
        'Served at a Unix socket of this user, and at `--admin HOST:PORT`, where each request carries a token that has the right of the operation (`x-right`: read, act or configure). It may change until mcplex 1.0.',
    },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(problem) },
    },
    security: [{}, { token: [] }],
  }
}

function describe(id: OperationId, operation: ApiOperation): object {
  const { method, right, path, about, query = {}, body, errors = {} } = operation
  const segments = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const parameters = [
    ...segments.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(query).map(([name, parameter]) => ({
      name,
      in: 'query',
      description: parameter.about,
      schema: parameterSchema(parameter),
    })),
  ]
  const failures = { ...commonFailures, ...(method === 'POST' && bodyFailures), ...errors }
  return {
    operationId: id,
    summary: about,
    'x-right': right,
    security: [{}, { token: [right] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: bodyOf(body) }),
    responses: {
      200: { description: 'The answer.', content: { 'application/json': { schema: schemaOf(answers[id]) } } },
      ...Object.fromEntries(
        Object.entries(failures).map(([status, description]) => [
          status,
          {
            description,
            content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        ]),
      ),
    },
  }
}

/** What any request may come to. */
const commonFailures = {
  400: 'A parameter is not right.',
  401: 'The token is missing or wrong.',
  403: 'The token lacks the right of the operation (`missing_right`), or the request comes from a page of another origin, or is for another host.',
}
const bodyFailures = { 413: 'The body is too large.', 415: 'The body is not of the type application/json.' }

function bodyOf(members: Readonly<Record<string, BodyMember>>): object {
  const schema = {
    type: 'object',
    properties: Object.fromEntries(Object.entries(members).map(([name, member]) => [name, memberSchema(member)])),
    required: Object.entries(members).flatMap(([name, { kind, default: standard }]) =>
      kind !== 'text' && standard === undefined ? name : [],
    ),
    additionalProperties: false,
  }
  return { required: schema.required.length > 0, content: { 'application/json': { schema } } }
}

function memberSchema({ about, kind, words, max, default: standard }: BodyMember): object {
  const what = { description: about }
  if (kind === 'text') return { ...what, type: 'string' }
  if (kind === 'word') return { ...what, type: 'string', enum: words }
  return { ...what, type: 'integer', minimum: 1, maximum: max, default: standard }
}

function parameterSchema({ kind, words, max, default: standard }: QueryParameter): object {
  if (kind === 'word') return { type: 'string', enum: words }
  return kind === 'text' ? { type: 'string' } : { type: 'integer', minimum: 0, maximum: max, default: standard }
}

/** OpenAPI 3.1 takes JSON Schema as it is; the name of its dialect is said once for all. */
function schemaOf(schema: z.ZodType): object {
  const { $schema: _said, ...rest } = z.toJSONSchema(schema)
  return rest
}
