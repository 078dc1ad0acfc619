/* SPDX-License-Identifier: MIT */
/*
 * source.c - a Python file with the modules that it imports.
 *
 * A file is parsed as the module that its folders make it: for
 * ops/norm/kernels.py, where ops and ops/norm hold an __init__.py, that is
 * ops.norm.kernels, so that relative imports resolve as Python resolves them.
 * Folders without __init__.py are packages too (PEP 420): as many of them
 * belong to the name as the file's own relative imports climb.
 * Imports are looked for beside the outermost package, in the file's own
 * folder, and in the -I folders. What is not found is not an error: host
 * imports (torch, numpy) never matter; a kernel that does need one says so.
 */
#define _XOPEN_SOURCE 700
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tool_list_add(tool_list *list, const char *item) {
  const char **grown =
      realloc(list->items, (list->count + 1) * sizeof *grown);
  if (!grown) {
    tool_complain("out of memory");
    exit(EXIT_DIAGNOSED);
  }
  grown[list->count++] = item;
  list->items = grown;
}

char *tool_read_file(const char *path, size_t *size) {
  struct stat info;
  FILE *file = fopen(path, "rb");
  if (!file || fstat(fileno(file), &info) || S_ISDIR(info.st_mode)) {
    tool_complain("cannot read %s: %s", path,
                  file ? "is a directory" : strerror(errno));
    if (file) fclose(file);
    return NULL;
  }
  size_t cap = (size_t)info.st_size + 1, len = 0, n;
  char *text = malloc(cap + 1);
  /* A pipe tells no size: read until the end, whatever stat said. */
  while (text && (n = fread(text + len, 1, cap - len, file)) > 0) {
    len += n;
    if (len < cap) continue;
    char *grown = realloc(text, (cap *= 2) + 1);
    if (!grown) free(text);
    text = grown;
  }
  if (!text || ferror(file)) {
    tool_complain("cannot read %s: %s", path,
                  text ? strerror(errno) : "out of memory");
    free(text);
    fclose(file);
    return NULL;
  }
  fclose(file);
  text[len] = 0;
  *size = len;
  return text;
}

static bool is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static char *join(const char *folder, const char *name, const char *ending) {
  size_t n = strlen(folder) + strlen(name) + strlen(ending) + 2;
  char *path = malloc(n);
  if (path)
    snprintf(path, n, "%s%s%s%s", folder, *folder ? "/" : "", name, ending);
  return path;
}

/* The folder part of path, "." if it has none. */
static char *folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return strdup(".");
  if (slash == path) return strdup("/");
  char *folder = strdup(path);
  if (folder) folder[slash - path] = 0;
  return folder;
}

/* The most dots of a `from ..x import y` that begins a line: how many folders
 * the file takes for packages. One dot needs none: the file's own folder is
 * looked at anyway. */
static unsigned folders_climbed(const char *text) {
  unsigned most = 0;
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += strspn(line, " \t\r\n");
    if (strncmp(line, "from", 4) != 0) continue;
    const char *p = line + 4 + strspn(line + 4, " \t");
    unsigned dots = 0;
    for (; *p == '.' || *p == ' '; p++) dots += *p == '.';
    if (p > line + 4 && dots > most) most = dots;
  }
  return most > 1 ? most : 0;
}

/* The dotted name of path, and in *root the folder that it counts from; at
 * least `climbed` folders belong to it, where the path has as many. */
static char *module_name(const char *path, unsigned climbed, char **root) {
  const char *slash = strrchr(path, '/');
  char *name = strdup(slash ? slash + 1 : path);
  *root = folder_of(path);
  if (!name || !*root) return name;
  char *dot = strrchr(name, '.');
  if (dot && dot != name) *dot = 0;
  bool is_init = strcmp(name, "__init__") == 0;
  for (unsigned folders = 0;; folders++) {
    char *init = join(*root, "__init__", ".py");
    bool in_package = folders < climbed || (init && is_file(init));
    free(init);
    const char *last = strrchr(*root, '/');
    const char *folder = last ? last + 1 : *root;
    if (!in_package || !*folder || !strcmp(folder, ".") ||
        !strcmp(folder, ".."))
      break;
    size_t n = strlen(folder) + strlen(name) + 2;
    char *longer = malloc(n);
    if (!longer) break;
    if (is_init)
      snprintf(longer, n, "%s", folder);
    else
      snprintf(longer, n, "%s.%s", folder, name);
    is_init = false;
    free(name);
    name = longer;
    char *up = folder_of(*root);
    free(*root);
    *root = up;
  }
  return name;
}

/* The file of a dotted name under folder: a/b.py or a/b/__init__.py. */
static char *find_under(const char *folder, const char *dotted,
                        bool *is_package) {
  char *relative = strdup(dotted);
  if (!relative) return NULL;
  for (char *p = relative; *p; p++)
    if (*p == '.') *p = '/';
  char *path = join(folder, relative, ".py");
  *is_package = false;
  if (!path || !is_file(path)) {
    free(path);
    path = join(folder, relative, "/__init__.py");
    *is_package = true;
    if (path && !is_file(path)) {
      free(path);
      path = NULL;
    }
  }
  free(relative);
  return path;
}

static char *find_module(const char *dotted, const tool_list *folders,
                         bool *is_package) {
  for (size_t i = 0; i < folders->count; i++) {
    char *path = find_under(folders->items[i], dotted, is_package);
    if (path) return path;
  }
  return NULL;
}

/* Adds the module that path holds. */
static int add_module(tm_module *module, const char *dotted, const char *path,
                      bool is_package) {
  size_t size;
  char *text = tool_read_file(path, &size);
  if (!text) return EXIT_DIAGNOSED;
  tm_module_options options = TM_MODULE_OPTIONS_INIT;
  options.is_package = is_package;
  tm_error *error = NULL;
  tm_status status =
      tm_module_add(module, dotted, path, text, size, &options, &error);
  free(text);
  return status ? tool_fail(error) : EXIT_DONE;
}

/* Adds every import that can be found, until nothing new is. */
static int add_imports(tm_module *module, const tool_list *folders) {
  bool added = true;
  while (added) {
    const char *dotted;
    added = false;
    for (size_t i = 0; (dotted = tm_module_missing_import(module, i)); i++) {
      bool is_package;
      char *path = find_module(dotted, folders, &is_package);
      if (!path) continue;
      int result = add_module(module, dotted, path, is_package);
      free(path);
      if (result) return result;
      added = true;
    }
  }
  return EXIT_DONE;
}

int tool_load_module(tm_module **module, const char *path,
                     const tool_list *folders) {
  *module = NULL;
  size_t size;
  char *text = tool_read_file(path, &size);
  if (!text) return EXIT_DIAGNOSED;
  unsigned climbed = folders_climbed(text);
  char *whole = climbed ? realpath(path, NULL) : NULL;
  char *root, *name = module_name(whole ? whole : path, climbed, &root);
  char *own = folder_of(path);
  int result = EXIT_DIAGNOSED;
  if (name && root && own) {
    tm_module_options options = TM_MODULE_OPTIONS_INIT;
    size_t n = strlen(path);
    options.is_package = n >= 11 && !strcmp(path + n - 11, "__init__.py");
    tm_error *error = NULL;
    tool_list all = {NULL, 0};
    tool_list_add(&all, root);
    tool_list_add(&all, own);
    for (size_t i = 0; i < folders->count; i++)
      tool_list_add(&all, folders->items[i]);
    if (tm_module_parse(module, name, path, text, size, &options, &error))
      result = tool_fail(error);
    else
      result = add_imports(*module, &all);
    free(all.items);
  }
  if (result && *module) {
    tm_module_destroy(*module);
    *module = NULL;
  }
  free(own), free(name), free(root), free(whole), free(text);
  return result;
}
