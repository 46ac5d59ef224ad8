package org.iommu4j.amd.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.backend.capture.TraceEvent;
import org.iommu4j.backend.capture.TraceEvent.Kind;
import org.iommu4j.backend.capture.TraceEvent.Made;
import org.iommu4j.backend.capture.TraceFormat;

/**
 * Events of QEMU's AMD IOMMU, versions 6 to 10. It tells the slot of a command and some of its operands: of
 * INVALIDATE_IOMMU_PAGES the domain alone, all of whose pages QEMU drops. Translations tell neither rights nor the size of the page;
 * a refused one leads to address 0.
 */
final class AmdViTrace {
    private static final String HEX = "0x[0-9a-f]+)";
    private static final String DEVICE = "(?<bus>\\w+):(?<device>\\w+)\\.(?<function>\\w+)";
    private static final String ADDRESS = " gpa (?<iova>" + HEX;

    /** Features of that unit, which its events do not tell. */
    private static final long EFR = Efr.PREF_SUP.mask()
            | Efr.PPR_SUP.mask()
            | Efr.GT_SUP.mask()
            | Efr.IA_SUP.mask()
            | Efr.GA_SUP.mask()
            | Efr.HE_SUP.mask()
            | Efr.HATS.of(2)
            | Efr.GATS.of(2);

    static final TraceFormat FORMAT = new TraceFormat(
            List.of("amdvi_"),
            List.of(
                    TraceEvent.of(
                            "amdvi_mmio_write",
                            Kind.WRITE,
                            "\\S+ write addr (?<off>" + HEX + ", size (?<size>\\d+), val (?<val>" + HEX),
                    TraceEvent.of("amdvi_command_exec", Kind.SLOT, "command buffer head at (?<head>" + HEX),
                    TraceEvent.ofCommand(
                            "amdvi_completion_wait",
                            "completion wait requested with store address (?<address>" + HEX
                                    + " and store data (?<data>" + HEX,
                            AmdViCommand.COMPLETION_WAIT.name(),
                            new Made(
                                    CompletionWait.LAYOUT,
                                    Map.of("address", CompletionWait.STORE_ADDRESS, "data", CompletionWait.STORE_DATA),
                                    Map.of(
                                            CompletionWait.OPCODE,
                                            (long) AmdViCommand.OP_COMPLETION_WAIT,
                                            CompletionWait.S,
                                            1L))),
                    TraceEvent.ofCommand(
                            "amdvi_devtab_inval",
                            "device table entry for devid: " + DEVICE + " invalidated",
                            AmdViCommand.INVALIDATE_DEVTAB_ENTRY.name(),
                            new Made(
                                    InvalidateDevtabEntry.LAYOUT,
                                    Map.of("dev", InvalidateDevtabEntry.DEVICE_ID),
                                    Map.of(InvalidateDevtabEntry.OPCODE, (long) AmdViCommand.OP_DEVTAB_ENTRY))),
                    TraceEvent.ofCommand(
                            "amdvi_pages_inval",
                            "AMD-Vi pages for domain (?<did>" + HEX,
                            AmdViCommand.INVALIDATE_IOMMU_PAGES.name(),
                            new Made(
                                    InvalidateIommuPages.LAYOUT,
                                    Map.of("did", InvalidateIommuPages.DOMAIN_ID),
                                    Map.of(
                                            InvalidateIommuPages.OPCODE,
                                            (long) AmdViCommand.OP_IOMMU_PAGES,
                                            InvalidateIommuPages.S,
                                            1L,
                                            InvalidateIommuPages.PDE,
                                            1L,
                                            InvalidateIommuPages.ADDRESS,
                                            everyPage()))),
                    TraceEvent.ofCommand(
                            "amdvi_all_inval",
                            "Invalidation of all",
                            AmdViCommand.INVALIDATE_IOMMU_ALL.name(),
                            new Made(InvalidateIommuAll.LAYOUT, Map.of(), Map.of(InvalidateIommuAll.OPCODE, (long)
                                    AmdViCommand.OP_ALL))),
                    unknownOperands("amdvi_intr_inval", AmdViCommand.INVALIDATE_INTERRUPT_TABLE),
                    unknownOperands("amdvi_iotlb_inval", AmdViCommand.INVALIDATE_IOTLB_PAGES),
                    unknownOperands("amdvi_prefetch_pages", AmdViCommand.PREFETCH_IOMMU_PAGES),
                    unknownOperands("amdvi_ppr_exec", AmdViCommand.COMPLETE_PPR_REQUEST),
                    TraceEvent.of("amdvi_iotlb_hit", Kind.HIT, "hit iotlb devid " + DEVICE + ADDRESS),
                    TraceEvent.of(
                            "amdvi_cache_update",
                            Kind.MISS,
                            "\\s*update iotlb domid (?<did>" + HEX + " devid: " + DEVICE + ADDRESS),
                    TraceEvent.of(
                            "amdvi_page_fault",
                            Kind.REFUSAL,
                            "error: page fault accessing guest physical address (?<iova>" + HEX,
                            "page fault"),
                    TraceEvent.of(
                            "amdvi_translation_result",
                            Kind.TRANSLATION,
                            "devid: " + DEVICE + ADDRESS + " hpa (?<pa>" + HEX),
                    TraceEvent.of(
                            "",
                            Kind.REGISTERS,
                            "AMD-Vi: Extended features \\((?<" + Efr.REGISTER.name() + ">0x[0-9a-f]+)")),
            Set.of(
                    "amdvi_mmio_read",
                    "amdvi_control_status",
                    "amdvi_iotlb_reset",
                    "amdvi_mem_ir_write_req",
                    "amdvi_mem_ir_write",
                    "amdvi_ir_remap_msi_req",
                    "amdvi_ir_remap_msi",
                    "amdvi_ir_irte",
                    "amdvi_ir_irte_val",
                    "amdvi_ir_intctl",
                    "amdvi_ir_delivery_mode",
                    "amdvi_ir_irte_ga_val"),
            new TraceFormat.Ring(Rings.LENGTH, AmdViCommand.BYTES, AmdViCommand.BYTES, null, null, ""),
            Map.of(Efr.REGISTER.name(), EFR));

    private AmdViTrace() {}

    private static TraceEvent unknownOperands(String name, AmdViCommand command) {
        return TraceEvent.of(name, Kind.COMMAND, "", command.name());
    }

    /** The address that stands for every page of a domain. */
    private static long everyPage() {
        long word = InvalidateIommuPages.word1(InvalidateIommuPages.NO_PASID, 0, SizeEncoding.ALL, true);
        return InvalidateIommuPages.ADDRESS.get(word);
    }
}
