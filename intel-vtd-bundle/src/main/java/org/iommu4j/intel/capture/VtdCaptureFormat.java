package org.iommu4j.intel.capture;

import java.util.List;
import java.util.stream.LongStream;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.CaptureFormat.GenerationRule;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.backend.capture.RegisterRecords.BringUp;
import org.iommu4j.backend.capture.RegisterRecords.Devices;
import org.iommu4j.backend.capture.RegisterRecords.FieldValue;
import org.iommu4j.backend.capture.RegisterRecords.Lenient;
import org.iommu4j.backend.capture.RegisterRecords.OddRead;
import org.iommu4j.backend.capture.RegisterRecords.Publication;
import org.iommu4j.backend.capture.RegisterRecords.RingBase;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.layout.BitField;

/**
 * Captures of VT-d: register accesses and descriptors. Root and context entries are read again after a context-cache
 * invalidation (VT-d 6.5.2.1, 11.4.6.1) or a new root table pointer (11.4.4.1).
 */
public final class VtdCaptureFormat {
    /** {@link RootTableAddress#TTM}: scalable mode. */
    private static final int SCALABLE_MODE = 1;

    private static final List<Long> IGNORED_SOURCE_BITS = LongStream.range(0, 1L << ContextCacheInvalidate.FM.width())
            .mapToObj(mask -> (long) ContextCacheInvalidate.ignoredSourceBits((int) mask))
            .toList();

    private static final FieldValue CONTEXT_CACHE_INVALIDATE = ContextCacheInvalidate.TYPE.codes().stream()
            .map(type -> new FieldValue(ContextCacheInvalidate.TYPE, type.value()))
            .findFirst()
            .orElseThrow();

    private static final FieldValue STARTED = new FieldValue(ContextCommand.ICC, 1);

    private static final RegisterRecords REGISTERS = new RegisterRecords(
            List.of(Ver.REGISTER, Cap.REGISTER, Ecap.REGISTER),
            new RingBase(QueueAddress.REGISTER, QueueAddress.IQA_BASE),
            List.of(
                    Publication.ofCommand(
                                    ContextCacheInvalidate.LAYOUT,
                                    CONTEXT_CACHE_INVALIDATE,
                                    new FieldValue(ContextCacheInvalidate.G, ContextCacheInvalidate.DEVICE))
                            .of(devices(ContextCacheInvalidate.SID, ContextCacheInvalidate.FM)),
                    Publication.ofCommand(ContextCacheInvalidate.LAYOUT, CONTEXT_CACHE_INVALIDATE),
                    Publication.ofWrite(
                                    ContextCommand.REGISTER,
                                    STARTED,
                                    new FieldValue(ContextCommand.CIRG, ContextCacheInvalidate.DEVICE))
                            .of(devices(ContextCommand.SID, ContextCommand.FM)),
                    Publication.ofWrite(ContextCommand.REGISTER, STARTED),
                    Publication.ofWrite(Global.COMMAND, new FieldValue(Global.SRTP, 1))),
            List.of(
                    new OddRead(
                            QueueAddress.REGISTER,
                            List.of(QueueAddress.DW),
                            "the captured machine reads IQA.DW back as 0"),
                    new OddRead(
                            ContextCommand.REGISTER,
                            List.of(ContextCommand.SID, ContextCommand.FM),
                            "it reads the write-only CCMD.SID and CCMD.FM back")),
            List.of(
                    BringUp.restored(RootTableAddress.REGISTER),
                    BringUp.constant(Global.COMMAND, Global.SRTP.of(1)),
                    BringUp.constant(Global.COMMAND, Global.TE.of(1))),
            List.of(
                    new Lenient(
                            Ecap.REGISTER,
                            Ecap.FSTS,
                            Ecap.SSTS,
                            "with first-stage tables alone it takes PASID entries with AW, which is reserved there"),
                    new Lenient(
                            Ecap.REGISTER,
                            Ecap.FSTS,
                            Ecap.SMPWCS,
                            "its walks see what the guest has written, though it does not offer to snoop")));

    /** The format. */
    public static final CaptureFormat FORMAT = CaptureFormat.of("vtd", IommuModel.INTEL)
            .defaultCapture("vtd/legacy-strict-nvme-e1000e")
            .requesterBits(ContextCacheInvalidate.SID.width())
            .generations(
                    GenerationRule.ofField(
                            VtdGeneration.SCALABLE,
                            "scalable mode",
                            RootTableAddress.REGISTER,
                            RootTableAddress.TTM,
                            SCALABLE_MODE),
                    GenerationRule.ofField(
                            VtdGeneration.LEGACY_REG, "register-based invalidation", Ecap.REGISTER, Ecap.QI, 0),
                    GenerationRule.otherwise(VtdGeneration.LEGACY_QI, "legacy mode with a queue"))
            .structures("root", "ctx")
            .registers(REGISTERS)
            .gaps(VtdGaps.RECORDS)
            .trace(VtdTrace.FORMAT)
            .build();

    private VtdCaptureFormat() {}

    private static Devices devices(BitField source, BitField functionMask) {
        return new Devices(source, functionMask, IGNORED_SOURCE_BITS);
    }
}
