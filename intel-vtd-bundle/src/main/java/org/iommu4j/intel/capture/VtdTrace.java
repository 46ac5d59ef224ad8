package org.iommu4j.intel.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.capture.TraceEvent;
import org.iommu4j.backend.capture.TraceEvent.Kind;
import org.iommu4j.backend.capture.TraceFormat;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.intel.command.VtdRegisters.Ver;

/**
 * Events of QEMU's VT-d, versions 6 to 10. It tells the words of descriptors but not their slots, and register reads without
 * values; up to 10.1 it does not trace PASID-cache descriptors. Translations tell the page.
 */
final class VtdTrace {
    private static final String HEX = "0x[0-9a-f]+)";
    private static final String ENTRY = " sid (?<dev>" + HEX + "(?: pasid \\S+)? iova (?<iova>" + HEX
            + " (?:sl)?pte (?<leaf>" + HEX + " domain (?<did>" + HEX;

    /** The kind of descriptor that is not traced. */
    static final String UNTRACED = "pasid_cache.global";

    /** Events that say again what others say, or nothing about translation. */
    private static final String OTHERS = """
            vtd_reg_read vtd_reg_dmar_root vtd_reg_ir_root vtd_reg_write_gcmd vtd_reg_write_fectl
            vtd_reg_write_iectl vtd_reg_ics_clear_ip vtd_inv_desc_cc_domain vtd_inv_desc_cc_global
            vtd_inv_desc_cc_device vtd_inv_desc_cc_devices vtd_inv_desc_iotlb_global vtd_inv_desc_iotlb_domain
            vtd_inv_desc_iotlb_pages vtd_inv_desc_iotlb_pasid_pages vtd_inv_desc_iotlb_pasid
            vtd_inv_desc_wait_sw vtd_inv_desc_wait_irq vtd_inv_desc_iec vtd_inv_qi_enable vtd_inv_qi_setup
            vtd_inv_qi_head vtd_inv_qi_tail vtd_inv_qi_fetch vtd_context_cache_reset vtd_pasid_cache_gsi
            vtd_pasid_cache_reset vtd_pasid_cache_dsi vtd_pasid_cache_psi vtd_re_not_present vtd_ce_not_present
            vtd_iotlb_cc_hit vtd_iotlb_cc_update vtd_iotlb_reset vtd_switch_address_space vtd_translate_pt
            vtd_pt_enable_fast_path vtd_irq_generate vtd_dmar_enable vtd_ir_enable vtd_ir_remap
            vtd_ir_remap_type vtd_ir_remap_msi vtd_ir_remap_msi_req vtd_fsts_ppf vtd_fsts_clear_ip
            """;

    static final TraceFormat FORMAT = new TraceFormat(
            List.of("vtd_"),
            List.of(
                    TraceEvent.of(
                            "vtd_reg_write",
                            Kind.WRITE,
                            "addr (?<off>" + HEX + " size (?<size>" + HEX + " value (?<val>" + HEX),
                    TraceEvent.of("vtd_inv_desc", Kind.COMMAND, ".*high (?<q1>" + HEX + " low (?<q0>" + HEX),
                    TraceEvent.of("vtd_iotlb_page_hit", Kind.HIT, "IOTLB page hit" + ENTRY),
                    TraceEvent.of("vtd_piotlb_page_hit", Kind.HIT, "PIOTLB page hit" + ENTRY),
                    TraceEvent.of("vtd_iotlb_page_update", Kind.MISS, "IOTLB page update" + ENTRY),
                    TraceEvent.of(
                            "vtd_dmar_translate",
                            Kind.TRANSLATION,
                            "dev (?<bus>\\w+):(?<device>\\w+)\\.(?<function>\\w+) iova (?<iova>" + HEX
                                    + " -> gpa (?<pa>" + HEX + " mask (?<mask>" + HEX),
                    // Reasons 0x20 to 0x28 are of interrupt remapping, VT-d 7.1.
                    TraceEvent.of("vtd_dmar_fault", Kind.FAULT, "sid \\S+ fault (?:3[2-9]|40) "),
                    TraceEvent.of(
                            "vtd_dmar_fault",
                            Kind.REFUSAL,
                            "sid (?<dev>" + HEX + " fault (?<fault>\\d+) addr (?<iova>" + HEX
                                    + " write (?<write>[01])"),
                    TraceEvent.of(
                            "vtd_ir_irte_get",
                            Kind.INTERRUPT,
                            "index (?<index>\\d+) low (?<q0>" + HEX + " high (?<q1>" + HEX),
                    TraceEvent.of("vtd_frr_new", Kind.FAULT, "index "),
                    TraceEvent.of(
                            "",
                            Kind.REGISTERS,
                            "DMAR: dmar0: reg_base_addr \\w+ ver \\S+ cap (?<CAP>[0-9a-f]+) ecap (?<ECAP>[0-9a-f]+)")),
            Set.of(OTHERS.trim().split("\\s+")),
            new TraceFormat.Ring(QueueAddress.QS, 1 << 12, 16, QueueAddress.DW, QueueTail.REGISTER, UNTRACED),
            Map.of(
                    Ver.REGISTER.name(),
                    0x10L,
                    Cap.REGISTER.name(),
                    0xd2008c222f0606L,
                    Ecap.REGISTER.name(),
                    0xf00f4aL));

    private VtdTrace() {}
}
