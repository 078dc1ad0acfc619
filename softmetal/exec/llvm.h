/* SPDX-License-Identifier: MIT */
/*
 * llvm.h - LLVM's C interface, bound at run time.
 *
 * libLLVM is 130 MB and is needed only when something is compiled or linked,
 * so it is opened with dlopen on first use and every function is called
 * through the table sm_llvm (written LL.BuildAdd for LLVMBuildAdd). The
 * types come from the llvm-c headers at build time; versions 15 to 22 agree
 * on all functions in the list except where `version` is looked at.
 */
#ifndef SM_LLVM_H
#define SM_LLVM_H

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <stdbool.h>

#if defined(__x86_64__)
#define SM_LLVM_TARGET(X) \
  X(InitializeX86TargetInfo) X(InitializeX86Target) \
  X(InitializeX86TargetMC) X(InitializeX86AsmPrinter) \
  X(InitializeX86AsmParser)
#elif defined(__aarch64__)
#define SM_LLVM_TARGET(X) \
  X(InitializeAArch64TargetInfo) X(InitializeAArch64Target) \
  X(InitializeAArch64TargetMC) X(InitializeAArch64AsmPrinter) \
  X(InitializeAArch64AsmParser)
#else
#error "softmetal runs on x86-64 and aarch64"
#endif

/* Every LLVM function that is used, without its LLVM prefix. */
#define SM_LLVM_FUNCTIONS(X) \
  SM_LLVM_TARGET(X) \
  X(ContextCreate) X(ContextDispose) X(ContextSetDiagnosticHandler) \
  X(GetDiagInfoDescription) X(GetDiagInfoSeverity) \
  X(ModuleCreateWithNameInContext) \
  X(DisposeModule) X(SetTarget) X(SetModuleDataLayout) \
  X(PrintModuleToString) X(DisposeMessage) X(VerifyModule) \
  X(CreateBuilderInContext) X(DisposeBuilder) X(PositionBuilderAtEnd) \
  X(PositionBuilderBefore) X(GetInsertBlock) X(GetBasicBlockTerminator) \
  X(GetFirstInstruction) X(GetBasicBlockParent) \
  X(AppendBasicBlockInContext) X(GetEntryBasicBlock) \
  X(MoveBasicBlockAfter) X(DeleteBasicBlock) \
  X(InsertBasicBlockInContext) X(GetFirstBasicBlock) X(GetNextBasicBlock) \
  X(GetNextInstruction) X(GetInstructionOpcode) X(GetInstructionParent) \
  X(InstructionRemoveFromParent) X(InstructionEraseFromParent) \
  X(InstructionClone) X(InsertIntoBuilder) X(IsAInstruction) \
  X(GetNumOperands) X(GetOperand) X(SetOperand) X(GetCalledValue) \
  X(GetFirstUse) X(GetNextUse) X(GetUser) X(ReplaceAllUsesWith) \
  X(CountIncoming) X(GetIncomingValue) X(GetIncomingBlock) \
  X(GetNumSuccessors) X(GetSuccessor) X(SetSuccessor) X(GetMetadata) \
  X(GetAllocatedType) X(ABISizeOfType) X(GetGEPSourceElementType) \
  X(GetNextFunction) X(GetFirstFunction) X(GetMaskValue) \
  X(AddFunction) X(GetParam) X(SetLinkage) X(AddGlobal) X(SetInitializer) \
  X(SetGlobalConstant) X(SetAlignment) X(GetNamedFunction) \
  X(SetUnnamedAddress) \
  X(FunctionType) X(StructTypeInContext) X(ArrayType) X(VectorType) \
  X(PointerTypeInContext) X(VoidTypeInContext) X(Int1TypeInContext) \
  X(IntTypeInContext) X(HalfTypeInContext) X(FloatTypeInContext) \
  X(DoubleTypeInContext) \
  X(TypeOf) X(GetTypeKind) X(GetIntTypeWidth) X(GetElementType) \
  X(GetVectorSize) \
  X(ConstInt) X(ConstReal) X(ConstNull) X(ConstVector) X(ConstArray) \
  X(ConstStructInContext) X(GetUndef) X(GetPoison) X(IsConstant) \
  X(GetAggregateElement) X(IsAConstantInt) X(IsAConstantFP) X(ConstIntGetZExtValue) \
  X(ConstIntGetSExtValue) X(IsNull) \
  X(BuildAdd) X(BuildSub) X(BuildMul) X(BuildUDiv) X(BuildSDiv) \
  X(BuildURem) X(BuildSRem) X(BuildShl) X(BuildLShr) X(BuildAShr) \
  X(BuildAnd) X(BuildOr) X(BuildXor) X(BuildNot) X(BuildNeg) X(BuildFNeg) \
  X(BuildFAdd) X(BuildFSub) X(BuildFMul) X(BuildFDiv) X(BuildFRem) \
  X(BuildICmp) X(BuildFCmp) X(BuildSelect) X(BuildTrunc) X(BuildZExt) \
  X(BuildBinOp) X(BuildCast) X(BuildSExt) X(BuildFPTrunc) X(BuildFPExt) \
  X(BuildFPToSI) X(BuildFPToUI) X(BuildSIToFP) X(BuildUIToFP) X(BuildBitCast) \
  X(BuildIntToPtr) X(BuildPtrToInt) X(BuildAlloca) X(BuildLoad2) \
  X(BuildStore) X(BuildGEP2) X(BuildCall2) X(BuildExtractElement) \
  X(BuildInsertElement) X(BuildShuffleVector) X(BuildBr) X(BuildCondBr) \
  X(BuildRetVoid) X(BuildUnreachable) X(BuildPhi) X(AddIncoming) \
  X(BuildSwitch) X(AddCase) X(BuildMemCpy) X(BuildMemSet) \
  X(SetVolatile) X(GetMDKindIDInContext) X(MDNodeInContext2) \
  X(MDStringInContext2) X(MetadataAsValue) X(SetMetadata) \
  X(ValueAsMetadata) \
  X(LookupIntrinsicID) X(GetIntrinsicDeclaration) \
  X(CreateEnumAttribute) X(GetEnumAttributeKindForName) \
  X(CreateStringAttribute) X(AddAttributeAtIndex) \
  X(AddCallSiteAttribute) \
  X(GetDefaultTargetTriple) X(GetTargetFromTriple) X(GetHostCPUName) \
  X(GetHostCPUFeatures) X(CreateTargetMachine) X(DisposeTargetMachine) \
  X(CreateTargetDataLayout) X(DisposeTargetData) \
  X(TargetMachineEmitToMemoryBuffer) X(GetBufferStart) X(GetBufferSize) \
  X(DisposeMemoryBuffer) X(CreateMemoryBufferWithMemoryRangeCopy) \
  X(CreatePassBuilderOptions) X(DisposePassBuilderOptions) X(RunPasses) \
  X(GetErrorMessage) X(DisposeErrorMessage) X(ConsumeError) \
  X(OrcCreateLLJITBuilder) X(OrcCreateLLJIT) \
  X(OrcLLJITGetExecutionSession) X(OrcLLJITMangleAndIntern) \
  X(OrcExecutionSessionCreateBareJITDylib) \
  X(OrcJITDylibCreateResourceTracker) X(OrcResourceTrackerRemove) \
  X(OrcReleaseResourceTracker) X(OrcLLJITAddObjectFileWithRT) \
  X(OrcAbsoluteSymbols) X(OrcJITDylibDefine) \
  X(OrcExecutionSessionLookup) X(OrcExecutionSessionSetErrorReporter)

typedef struct sm_llvm_api {
#define SM_LLVM_FIELD(name) __typeof__(&LLVM##name) name;
  SM_LLVM_FUNCTIONS(SM_LLVM_FIELD)
#undef SM_LLVM_FIELD
} sm_llvm_api;

extern sm_llvm_api sm_llvm;
#define LL sm_llvm

/* Opens libLLVM once per process. Returns false with *error malloc'ed, naming
 * the package, when there is none. Threads: any. */
bool sm_llvm_open(char **error);

/* The major version that was opened; 0 before. */
unsigned sm_llvm_version(void);

/* Host CPU name and features in LLVM's spelling; valid after sm_llvm_open. */
const char *sm_llvm_cpu(void);
const char *sm_llvm_features(void);

#endif
