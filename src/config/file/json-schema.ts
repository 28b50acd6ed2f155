/** `schema.json`: the structure of a file as JSON Schema, for editors. */
import { z } from 'zod'
import { fileStructure } from './structure.ts'

export function fileSchema(): object {
  const { $schema: _newest, ...schema } = z.toJSONSchema(fileStructure(), { io: 'input', target: 'draft-7' })
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'mcplex.yaml', ...schema }
}
