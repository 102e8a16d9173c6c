// Types of every document: home.graphql gets home.generated.ts beside it, made of the schema of the server.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as typedDocuments from '@graphql-codegen/typed-document-node';
import * as operations from '@graphql-codegen/typescript-operations';
import { buildSchema, parse, validate } from 'graphql';

const here = import.meta.dirname;
const scalars = {
  BigInt: { input: 'string | number', output: 'string' },
  Date: 'string',
  DateTime: 'string',
  JSON: 'unknown',
  UUID: 'string',
};
const config = {
  scalars,
  strictScalars: true,
  enumType: 'string-literal',
  useTypeImports: true,
  optimizeDocumentNode: true,
};

const text = await readFile(join(here, '../schema.graphql'), 'utf8');
const schemaAst = buildSchema(text, { assumeValid: true });
const schema = parse(text, { noLocation: true });
const files = await readdir(join(here, 'src'), { recursive: true });
for (const file of files.filter((name) => name.endsWith('.graphql'))) {
  const location = join(here, 'src', file);
  const document = parse(await readFile(location, 'utf8'));
  const wrong = validate(schemaAst, document);
  if (wrong.length > 0) throw new Error(`${file}: ${wrong.map(String).join('\n')}`);
  const filename = location.replace(/graphql$/, 'generated.ts');
  const made = await codegen({
    filename,
    schema,
    schemaAst,
    documents: [{ location, document }],
    config,
    plugins: [{ operations: {} }, { typedDocuments: {} }],
    pluginMap: { operations, typedDocuments },
  });
  const before = await readFile(filename, 'utf8').catch(() => null);
  if (made !== before) await writeFile(filename, made);
}
