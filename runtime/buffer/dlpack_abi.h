/* SPDX-License-Identifier: MIT */
/*
 * dlpack_abi.h - the structures of DLPack that dlpack.c uses.
 *
 * Written from the DLPack specification, version 1.1 (the Python array API's
 * "C API" page), not included from <dlpack/dlpack.h>: distributions package
 * versions before 1.0, which lack the versioned structure, or none; and the
 * layout is an ABI, which may not differ anyway. test_dlpack.c compares the
 * two where the header is installed.
 */
#ifndef TM_DLPACK_ABI_H
#define TM_DLPACK_ABI_H

#include <stdint.h>

typedef struct {
  uint32_t major; /* a change breaks the layout: 1 */
  uint32_t minor;
} DLPackVersion;

enum { TMI_DLPACK_MAJOR = 1, TMI_DLPACK_MINOR = 1 };

enum { TMI_DL_CPU = 1, TMI_DL_METAL = 8 }; /* DLDeviceType */

typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

enum { /* DLDataTypeCode */
  TMI_DL_INT = 0,
  TMI_DL_UINT = 1,
  TMI_DL_FLOAT = 2,
  TMI_DL_BFLOAT = 4,
  TMI_DL_BOOL = 6,
  TMI_DL_FLOAT8_E4M3FN = 10,
  TMI_DL_FLOAT8_E5M2 = 12
};

typedef struct {
  uint8_t code;
  uint8_t bits;   /* of one lane */
  uint16_t lanes; /* of one element: 1 but for vectors */
} DLDataType;

typedef struct {
  void *data;       /* CPU: the address; Metal: the id<MTLBuffer> */
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; /* in elements; NULL: row-major without gaps */
  uint64_t byte_offset; /* from data to the first element */
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx; /* the maker's */
  void (*deleter)(struct DLManagedTensor *self); /* NULL: nothing to do */
} DLManagedTensor;

enum { TMI_DL_READ_ONLY = 1 }; /* a flag */

typedef struct DLManagedTensorVersioned {
  DLPackVersion version; /* of the major number only this is fixed, and */
  void *manager_ctx;     /* the next two */
  void (*deleter)(struct DLManagedTensorVersioned *self);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;

#endif
