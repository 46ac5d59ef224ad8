package org.iommu4j.arm.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.Idr3;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.capture.TraceEvent;
import org.iommu4j.backend.capture.TraceEvent.Kind;
import org.iommu4j.backend.capture.TraceFormat;

/**
 * Events of QEMU's SMMUv3, versions 6 to 10. It tells the name and the slot of a command, not its bytes, and the value of every
 * register access, writes after what they caused. StreamIDs are decimal in older versions.
 */
final class SmmuTrace {
    private static final String HEX = "0x[0-9a-f]+)";
    private static final String SID = "\\S+ sid=(?<dev>(?:0x[0-9a-f]+|\\d+))";
    private static final String TAGS = " asid=(?<asid>-?\\d+)(?: vmid=(?<vmid>-?\\d+))? addr=(?<iova>" + HEX;
    private static final String REGISTER = "addr: (?<off>" + HEX + " val:\\s*(?<val>" + HEX + " size: (?<size>" + HEX;

    /** Events that say again what others say, or nothing about translation. */
    private static final String OTHERS = """
            smmu_add_mr smmu_ptw_level smmu_ptw_invalid_pte smmu_get_pte smmu_iotlb_inv_all smmu_iotlb_inv_asid
            smmu_iotlb_inv_asid_vmid smmu_iotlb_inv_vmid smmu_iotlb_inv_vmid_s1 smmu_iotlb_inv_iova
            smmu_configs_inv_sid_range smmu_config_cache_inv smmu_inv_notifiers_mr smmu_iotlb_insert
            smmu_reset_exit smmuv3_trigger_irq smmuv3_write_gerror smmuv3_write_gerrorn smmuv3_cmdq_consume_out
            smmuv3_find_ste smmuv3_find_ste_2lvl smmuv3_get_ste smmuv3_get_cd smmuv3_decode_cd
            smmuv3_decode_cd_tt smmuv3_cmdq_cfgi_ste smmuv3_cmdq_cfgi_ste_range smmuv3_cmdq_cfgi_cd
            smmuv3_config_cache_hit smmuv3_config_cache_miss smmuv3_config_cache_inv smmuv3_range_inval
            smmuv3_s1_range_inval smmuv3_cmdq_tlbi_nh smmuv3_cmdq_tlbi_nsnh smmuv3_cmdq_tlbi_nh_va
            smmuv3_cmdq_tlbi_nh_vaa smmuv3_cmdq_tlbi_nh_asid smmuv3_cmdq_tlbi_s12_vmid smmuv3_notify_flag_add
            smmuv3_notify_flag_del smmuv3_inv_notifiers_iova
            """;

    static final TraceFormat FORMAT = new TraceFormat(
            List.of("smmuv3_", "smmu_"),
            List.of(
                    TraceEvent.of("smmuv3_write_mmio", Kind.WRITE, REGISTER),
                    TraceEvent.of("smmuv3_read_mmio", Kind.READ, REGISTER),
                    TraceEvent.of("smmuv3_cmdq_consume", Kind.SLOT, "prod=\\d+ cons=(?<index>\\d+)"),
                    TraceEvent.of("smmuv3_cmdq_opcode", Kind.COMMAND, "<--- SMMU_CMD_(?<opcode>\\w+)"),
                    TraceEvent.of("smmu_iotlb_lookup_hit", Kind.HIT, "IOTLB cache HIT" + TAGS),
                    TraceEvent.of("smmu_iotlb_lookup_miss", Kind.MISS, "IOTLB cache MISS" + TAGS),
                    TraceEvent.of("smmu_iotlb_cache_hit", Kind.HIT, "IOTLB cache HIT" + TAGS),
                    TraceEvent.of("smmu_iotlb_cache_miss", Kind.MISS, "IOTLB cache MISS" + TAGS),
                    TraceEvent.of(
                            "smmu_ptw_page_pte",
                            Kind.MISS,
                            "stage=\\d+ level=\\d+ iova=(?<iova>" + HEX + " base@=\\S+ pte@=\\S+ pte=(?<leaf>" + HEX),
                    TraceEvent.of(
                            "smmu_ptw_block_pte",
                            Kind.MISS,
                            "stage=\\d+ level=\\d+ base@=\\S+ pte@=\\S+ pte=(?<leaf>" + HEX + " iova=(?<iova>" + HEX
                                    + " block address = \\S+ block size = (?<mib>\\d+) MiB"),
                    TraceEvent.of(
                            "smmuv3_translate_success",
                            Kind.TRANSLATION,
                            SID + " iova=(?<iova>" + HEX + " translated=(?<pa>" + HEX + " perm=(?<perm>" + HEX),
                    TraceEvent.of(
                            "smmuv3_translate_disable",
                            Kind.PASS,
                            SID + " bypass \\(smmu disabled\\) iova:(?<iova>" + HEX + " is_write=(?<write>[01])",
                            "disabled"),
                    TraceEvent.of(
                            "smmuv3_translate_bypass",
                            Kind.PASS,
                            SID + " STE bypass iova:(?<iova>" + HEX + " is_write=(?<write>[01])"),
                    TraceEvent.of(
                            "smmuv3_translate_abort",
                            Kind.REFUSAL,
                            SID + " abort on iova:(?<iova>" + HEX + " is_write=(?<write>[01])",
                            "aborted"),
                    TraceEvent.of("smmuv3_record_event", Kind.FAULT, "\\S+ sid=")),
            Set.of(OTHERS.trim().split("\\s+")),
            new TraceFormat.Ring(Queue.COMMANDS.log2Size(), 16, 16, null, null, ""),
            Map.of(
                    Idr0.REGISTER.name(), 0xd40101aL,
                    Idr1.REGISTER.name(), 0x2730010L,
                    Idr3.REGISTER.name(), 0x1404L,
                    Idr5.REGISTER.name(), 0x74L));

    private SmmuTrace() {}
}
