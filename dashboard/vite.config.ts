import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const SERVER = process.env.CCGRAPH_URL ?? 'http://127.0.0.1:8000';
const COMPRESSED = /\.(js|css|html|svg|json|ttf|wasm)$/;
const SMALLEST = 1_000; // bytes from which a compressed copy saves a packet
const LARGE = 500_000; // bytes from which the last percent of compression would take seconds

/** Puts compressed copies beside the files, which the server sends as they are. */
function precompressed(folder: string): Plugin {
  const compress = async (path: string) => {
    const content = await readFile(path);
    if (content.length < SMALLEST) return;
    const quality = content.length < LARGE ? 11 : 9;
    const [brotli, zipped] = await Promise.all([
      promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }),
      promisify(gzip)(content, { level: 9 }),
    ]);
    await Promise.all([writeFile(`${path}.br`, brotli), writeFile(`${path}.gz`, zipped)]);
  };
  return {
    name: 'precompressed',
    apply: 'build',
    async closeBundle() {
      const files = await readdir(folder, { recursive: true, withFileTypes: true });
      const wanted = files.filter((file) => file.isFile() && COMPRESSED.test(file.name));
      await Promise.all(wanted.map((file) => compress(join(file.parentPath, file.name))));
    },
  };
}

const START = join(import.meta.dirname, 'src/start.ts');

/** Lets the page begin with `src/start.ts`, which does not wait for the large file behind it. */
function startFirst(): Plugin {
  return {
    name: 'start-first',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_, { bundle = {} }) => {
        const start = Object.values(bundle).find(
          (file) => file.type === 'chunk' && file.facadeModuleId === START,
        );
        if (start === undefined) throw new Error('The build has no file for src/start.ts');
        const attrs = { type: 'module', crossorigin: true, src: `/${start.fileName}` };
        return [{ tag: 'script', attrs, injectTo: 'head-prepend' }];
      },
    },
  };
}

const outDir = join(import.meta.dirname, '../app/dashboard/files');

export default defineConfig({
  logLevel: 'error',
  plugins: [react(), startFirst(), precompressed(outDir)],
  resolve: { alias: { '@': join(import.meta.dirname, 'src') } },
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0, // the Content-Security-Policy takes fonts from files only
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: join(import.meta.dirname, 'index.html'), start: START },
      output: {
        codeSplitting: {
          // Of the first page two files, not a file for each set of pages that share something.
          groups: [
            {
              name: 'start',
              test: /\/src\/(start|data\/(session|store|trouble|waking))\.ts$|\/node_modules\/react\/|rolldown\/runtime/,
            },
            { name: 'shell', tags: ['$initial'] },
          ],
        },
      },
    },
    chunkSizeWarningLimit: 5_000, // the editor of GraphiQL, which the page at /graphql alone loads
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/graphql': {
        target: SERVER,
        ws: true,
        bypass: (request) => (request.headers.accept?.includes('text/html') ? '/index.html' : undefined),
      },
      '/session/': SERVER,
      '^/session$': SERVER,
    },
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true },
});
