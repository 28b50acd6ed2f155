/** Explains to the user why the file of API keys cannot be used. */
import type { KeysFileError } from '../identity/keys-file.ts'
import { CommandFailed } from './failures.ts'

export function keysFileFailure(error: KeysFileError): CommandFailed {
  return new CommandFailed([
    {
      code: 'keys_file',
      message: error.message,
      notes: [
        ['try', 'a copy of the file from before, or chmod and chown if it is about who may write it'],
        ['or', 'another file: --keys-file PATH'],
      ],
    },
  ])
}
