package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.shell.testing.FakeHost;
import org.iommu4j.spapr.SpaprBackend;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lines of kernels' logs, rings and tables, and values from standard input, explained by the command line. */
class ExplainLogTest {
    private static final Map<IommuModel, Backend> BACKENDS = Map.of(
            IommuModel.INTEL,
            new VtdBackend(),
            IommuModel.ARM_SMMU,
            new SmmuBackend(),
            IommuModel.AMD,
            new AmdViBackend(),
            IommuModel.SPAPR,
            new SpaprBackend(),
            IommuModel.S390,
            new ZpciBackend());

    @TempDir
    Path folder;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private FakeHost host;
    private int status;

    @BeforeEach
    void makeHost() {
        host = new FakeHost(folder);
        host.provide(ExplainService.class, new Explain(BACKENDS::get));
    }

    private void run(String... arguments) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        status = Iommu4jCommand.run(host, new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    }

    private void log(String... lines) {
        host.input(String.join("\n", lines) + "\n");
        run("explain", "--log", "-");
        assertEquals(0, status, () -> out + "" + err);
    }

    private void assertSays(String wanted) {
        assertTrue(says(wanted), () -> "nothing says '" + wanted + "':\n" + out + err);
    }

    private boolean says(String wanted) {
        return out.toString().replaceAll("\\s+", " ").contains(wanted.replaceAll("\\s+", " "));
    }

    @Test
    void shouldReadFaultsOfVtdAsEveryKernelWritesThem() {
        for (String line : List.of(
                "[ 0.9] DMAR: [DMA Write] Request device [00:12.0] fault addr fff000 [fault reason 05] PTE Write"
                        + " access is not set",
                "kernel: DMAR: [DMA Write] Request device [00:12.0] PASID ffffffff fault addr fff000 [fault reason 05]"
                        + " x",
                "DMAR: [DMA Write NO_PASID] Request device [0x00:0x12.0] fault addr 0xfff000 [fault reason 0x05] x")) {
            log(line);
            assertSays("line 1, intel: ");
            assertSays("FI 63:12 0xfff000");
            assertSays("SID 79:64 0x90 source id 00:12.0");
            assertSays("FR 103:96 0x5 WRITE_DENIED: no write permission");
            assertSays("T1 126 0x0 write");
            assertFalse(says("PASID 123:104"), "the line tells of no PASID");
        }
        log("DMAR: [DMA Read PASID 0x5] Request device [03:00.0] fault addr 0x100000 [fault reason 0x06] x");
        assertSays("PASID 123:104 0x5");
        assertSays("T1 126 0x1 read or AtomicOp");
        // Two lines before 4.0; a decimal reason.
        log("dmar: DMAR:[DMA Read] Request device [02:00.0] fault addr 1000 ", "DMAR:[fault reason 10] x");
        assertSays("SID 79:64 0x200 source id 02:00.0");
        assertSays("ROOT_RESERVED");
        assertSays("2 messages in 2 lines");
    }

    @Test
    void shouldReadRegistersOfVtd() {
        log(
                "DMAR: DRHD: handling fault status reg 3",
                "DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap f0101a");
        assertSays("PFO 0 0x1 overflow: a fault was lost");
        assertSays("ND 2:0 0x2");
        assertSays("QI 1 0x1");
        assertSays("3 messages in 2 lines");
        log("DMAR: QI HEAD: IOTLB Invalidation qw0 = 0x1200f2, qw1 = 0x12345000");
        assertSays("DID 31:16 0x12");
    }

    @Test
    void shouldReadTheWordsBelowAnEventOfAnSmmu() {
        log(
                "[    7.471032] arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:",
                "[    7.471040] arm-smmu-v3 arm-smmu-v3.0.auto:    0x0000010000000010",
                "[    7.471041] usb 1-1: new device",
                "[    7.471043] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000020800000000",
                "[    7.471045] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x00000000ffff1000",
                "[    7.471047] arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000000000000",
                "[    7.471047] arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0001:00:00.0 sid: 0x100");
        assertSays("F_TRANSLATION");
        assertSays("StreamID 63:32 0x100");
        assertSays("InputAddr 191:128 0xffff1000");
        assertSays("RnW 99 0x1 read");
        assertSays("1 message in 7 lines");
        log(
                "arm-smmu-v3 2b400000.smmu: CMDQ error (cons 0x01000003): Illegal command",
                "arm-smmu-v3 2b400000.smmu: skipping command in error state:",
                "\t0x0000000000000046",
                "\t0x0000000000000000",
                "arm-smmu-v3 2b400000.smmu: unexpected global error reported (0x00000001), this could be serious");
        assertSays("CMD_SYNC");
        assertSays("CMDQ_ERR");
    }

    @Test
    void shouldSayWhichWordsOfARecordAreMissing() {
        host.input("arm-smmu-v3 x: event 0x10 received:\narm-smmu-v3 x: \t0x0000010000000010\n");
        run("explain", "--log", "-");
        assertEquals(2, status);
        assertSays("4 words belong to it, of which 1 follows");
    }

    @Test
    void shouldReadEventsOfAmdViAsEveryKernelWritesThem() {
        for (String line : List.of(
                "AMD-Vi: Event logged [IO_PAGE_FAULT device=05:00.0 domain=0x0012 address=0x00000000ff6101b0"
                        + " flags=0x0070]",
                "[ 221.5] IO_PAGE_FAULT device=05:00.0 domain=0x0012 address=0x00000000ff6101b0 flags=0x0070]",
                "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:05:00.0 domain=0x0012 address=0xff6101b0"
                        + " flags=0x0070]",
                "ath10k_pci 0000:05:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0012 address=0xff6101b0"
                        + " flags=0x0070]")) {
            log("AMD-Vi: Event logged [", line);
            assertSays("line 2, amd: ");
            assertSays("DeviceID 15:0 0x500 05:00.0");
            assertSays("DomainID 47:32 0x12");
            assertSays("Address 127:64 0xff6101b0");
            assertSays("PE 54 0x1 permission missing");
            assertSays("PR 52 0x1 permission missing");
            assertSays("RZ 55 0x0");
            assertSays("1 message in 2 lines");
        }
        log("AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=00:00.1 pasid=0x12345 address=0xfdf8000020"
                + " flags=0x0a00]");
        assertSays("PASID[19:16] 19:16 0x1");
        assertSays("PASID[15:0] 47:32 0x2345");
        assertSays("Type 59:57 0x5 posted write in the interrupt range, IntCtl=0");
    }

    @Test
    void shouldReadTheEntryAndTheCommandBelowAnEventOfAmdVi() {
        log(
                "AMD-Vi: Event logged [ILLEGAL_COMMAND_ERROR address=0x12340]",
                "AMD-Vi: CMD[0]: 00000000",
                "AMD-Vi: CMD[1]: 30000010",
                "AMD-Vi: CMD[2]: fffff000",
                "AMD-Vi: CMD[3]: 7fffffff",
                "AMD-Vi: DTE[0]: 6190000000000403",
                "AMD-Vi: DTE[1]: 0000000000000012",
                "AMD-Vi: DTE[2]: 0000000000000000",
                "AMD-Vi: DTE[3]: 0000000000000000",
                "AMD-Vi: Extended features (0x206d73ef22254ade, 0x0): PPR X2APIC");
        assertSays("Address 127:68 0x12340");
        assertSays("INVALIDATE_IOMMU_PAGES");
        assertSays("device_table_entry");
        assertSays("PPRSup 1 0x1 page requests");
        assertSays("4 messages in 10 lines");
    }

    @Test
    void shouldReadWhatPowerAndZWrite() {
        log(
                "EEH: Frozen PHB#2-PE#10000 detected",
                "EEH: Frozen PE#1 on PHB#3 detected",
                "EEH: Fenced PHB#2 detected, location: N/A",
                "PE[001] A/B: 8480002f00000000 8000000000000000",
                "tce_build_pSeriesLP: plpar_tce_put failed. rc=-4",
                "\ttce val = 0x12345003",
                "zpci: 0000:00:00.0: Event 0x3a reports an error for PCI function 0x1234",
                "zpci: 0001:00:00.0: Event 0x301 reconfigured PCI function 0x7");
        assertSays("line 1, spapr: EEH: Frozen PHB#2-PE#10000 detected");
        assertSays("phb 2");
        assertSays("pe 10000");
        assertSays("H_PARAMETER");
        assertSays("pest_entry");
        assertSays("line 7, s390: ");
        assertSays("SERVICE_ACTION: service action");
        assertSays("fid 64:95 0x1234");
        assertSays("CONFIGURED: configured");
        assertSays("8 messages in 8 lines");
    }

    @Test
    void shouldShowOnlyTheLinesOfAModelThatIsAskedFor() throws IOException {
        Path file = Files.writeString(
                folder.resolve("dmesg"), "EEH: Frozen PHB#2-PE#1 detected\nDMAR: DRHD: handling fault status reg 2\n");
        run("explain", "--log", file.toString(), "--json");
        assertEquals(0, status, err::toString);
        assertEquals(2, out.toString().lines().count());
        run("explain", "--model", "intel", "--log", file.toString(), "--json");
        assertEquals(1, out.toString().lines().count());
        assertSays("\"subject\":\"line 2, intel: DMAR: DRHD: handling fault status reg 2\"");
        run(
                "explain",
                "--log",
                Files.writeString(folder.resolve("none"), "a\nb\n").toString());
        assertEquals(2, status);
        assertTrue(err.toString().contains("0 messages in 2 lines that an IOMMU driver writes"), err::toString);
    }

    @Test
    void shouldTakeARingOrATableApart() {
        run(
                "explain",
                "--model",
                "intel",
                "--each",
                "0x1200f2",
                "0x12345000",
                "0",
                "0",
                "0",
                "0",
                "0x200000025",
                "0x20000");
        assertEquals(2, status, "0 without 0x is no word");
        run(
                "explain",
                "--model",
                "intel",
                "--each",
                "0x1200f2",
                "0x12345000",
                "0x0",
                "0x0",
                "0x0",
                "0x0",
                "0x200000025",
                "0x20000");
        assertEquals(0, status, err::toString);
        List<String> lines = out.toString().lines().toList();
        assertEquals(3, lines.size(), out::toString);
        assertTrue(lines.get(0).startsWith("entry 0: iotlb_inv_dsc, "), lines::toString);
        assertTrue(lines.get(0).contains(" DID=0x12 "), lines::toString);
        assertEquals("entries 1 to 2: zero", lines.get(1));
        assertTrue(lines.get(2).startsWith("entry 3: inv_wait_dsc, "), lines::toString);
        run("explain", "--model", "intel", "--as", "ss_paging_entry", "--each", "0330120000000000 0000000000000000 12");
        assertEquals(2, status);
        assertSays("17 bytes are no whole number of entries of 8 bytes");
    }

    @Test
    void shouldExplainEveryLineOfStandardInput() {
        host.input("0x1200f2 0x12345000\n\nnonsense\n0x200000025 0x20000\n");
        run("explain", "--model", "intel", "-");
        assertEquals(2, status, "one of them is no hex");
        assertSays("iotlb_inv_dsc");
        assertSays("'nonsense' is not hexadecimal: character 'n' at 1");
        assertSays("inv_wait_dsc");
        host.input("0x1\n0x0\n");
        run("explain", "--model", "intel", "--register", "FSTS", "--json", "-");
        assertEquals(0, status, err::toString);
        assertEquals(2, out.toString().lines().count());
    }
}
