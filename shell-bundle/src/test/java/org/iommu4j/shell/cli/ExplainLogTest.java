package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
        assertSays("2 messages in 7 lines");
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
    void shouldReadOlderAndNewerLinesOfVtd() {
        log(
                "DMAR: INTR-REMAP: Request device [[f0:1f.0] fault index 0",
                "               INTR-REMAP:[fault reason 37] Blocked a compatibility format interrupt request",
                "DMAR: [INTR-REMAP] Request device [0xc9:0x05.0] fault index 0xa00 [fault reason 0x25] Blocked a"
                        + " compatibility format interrupt request");
        assertSays("source id f0:1f.0");
        assertSays("source id c9:05.0");
        assertSays("FR 103:96 0x25");
        assertSays("3 messages in 3 lines");
        log(
                "DMAR: VT-d detected Invalidation Time-out Error: SID 100",
                "DMAR: VT-d detected Invalidation Queue Error: Reason 3",
                "DMAR: VT-d detected invalid descriptor: low=1200f2, high=12345000",
                "DMAR: VT-d detected invalid descriptor: qw0 = 1200f2, qw1 = 12345000",
                "DMAR: Invalidation Time-out Error (ITE) cleared",
                "DMAR: dmar2: Invalid page request: 100000301 12345003");
        assertSays("source id 01:00.0");
        assertSays("unknown type");
        assertSays("line 3, intel: ");
        assertSays("iotlb_inv_dsc");
        assertSays("page_req_dsc");
        assertSays("ADDR 127:76 0x12345");
    }

    @Test
    void shouldReadTheTablesThatVtdShowsBelowAFault() {
        log(
                "DMAR: Dump dmar0 table entries for IOVA 0x70ad5000",
                "DMAR: root entry: 0x0000000110001001",
                "DMAR: context entry: hi 0x0000000000001202, low 0x0000000110002001",
                "DMAR: pte level: 4, pte value: 0x0000000110003003",
                "DMAR: page table not present at level 3",
                "DMAR: scalable mode root entry: hi 0x0000000000000000, low 0x0000000110004001",
                "DMAR: pasid dir entry: 0x0000000110005001",
                "DMAR: pasid table entry[0]: 0x0000000110006089",
                "DMAR: pasid table entry[1]: 0x0000000000000012",
                "DMAR: pasid table entry[2]: 0x0000000000000000",
                "DMAR: pasid table entry[3]: 0x0000000000000000",
                "DMAR: pasid table entry[4]: 0x0000000000000000",
                "DMAR: pasid table entry[5]: 0x0000000000000000",
                "DMAR: pasid table entry[6]: 0x0000000000000000",
                "DMAR: pasid table entry[7]: 0x0000000000000000");
        assertSays("root_entry");
        assertSays("DID 87:72 0x12");
        assertSays("ss_paging_entry");
        assertSays("The walk ends at that level");
        assertSays("pasid_directory_entry");
        assertSays("line 8, intel: ");
        assertSays("pasid_entry");
    }

    @Test
    void shouldReadWhatAnSmmuSaysInOneLine() {
        log(
                "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0001:00:00.0 sid: 0x100 ssid: 0 iova:"
                        + " 0xffff1000 ipa: 0",
                "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_STE_FETCH client: (unassigned sid) sid: 0x8 ssid: 0x0"
                        + " fetch_addr: 0x80001000",
                "arm-smmu-v3 x: CMDQ error (cons 0x01000003): Illegal command",
                "arm-smmu-v3 x: CMD_SYNC timeout",
                "arm-smmu-v3 x: CMD_SYNC timeout at 0x0000002b [hwprod 0x0000002b, hwcons 0x0000002a]",
                "arm-smmu-v3 x: unexpected global error reported(0x00000100), this could be serious",
                "arm-smmu-v3 x: EVTQ overflow detected -- events lost",
                "arm-smmu-v3 x: device has entered Service Failure Mode!",
                "arm-smmu-v3 x: unexpected PRI request received:",
                "arm-smmu-v3 x: \tsid 0x00000100.0x00012: [5L] unprivileged RW access at iova 0x0000000012345000");
        assertSays("StreamID 63:32 0x100");
        assertSays("InputAddr 191:128 0xffff1000");
        assertSays("FetchAddr 247:195 0x80001000");
        assertSays("CMDQ_CONS");
        assertSays("SFM_ERR");
        assertSays("events lost");
        assertSays("PRGIndex 72:64 0x5");
        assertSays("Last 62 0x1");
        assertSays("Priv 58 0x0");
        assertFalse(says("X 59"), "the line tells of no execute");
        assertSays("9 messages in 10 lines");
    }

    @Test
    void shouldReadTheRarerEventsOfAmdVi() {
        log(
                "AMD-Vi: Event logged [UNKNOWN event[0]=0x00000500 event[1]=0x20000012 event[2]=0xff6101b0"
                        + " event[3]=0x00000000",
                "pci 0000:41:00.0: AMD-Vi: Event logged [RMP_PAGE_FAULT vmg_tag=0x0000, gpa=0x1000, flags_rmp=0x0010,"
                        + " flags=0x0030]",
                "AMD-Vi: Event logged [RMP_HW_ERROR device=0000:41:00.1, vmg_tag=0x0001, spa=0x2000, flags=0x0030]",
                "AMD-Vi: Event logged [INVALID_PPR_REQUEST device=41:00.0 pasid=0x00003 tag=0x0007 address=0x4000"
                        + " flags=0x0a00]",
                "AMD-Vi: IOMMU Event log restarting");
        assertSays("IO_PAGE_FAULT");
        assertSays("DomainID 47:32 0x12");
        assertSays("reporter 0000:41:00.0");
        assertSays("device 0000:41:00.1");
        assertSays("Address 127:76 0x4000");
        assertSays("5 messages in 5 lines");
    }

    @Test
    void shouldReadTheRecoveryOnPowerAndZ() {
        log(
                "EEH: PHB#0 failure detected, location: N/A",
                "EEH: PHB#1-PE#fd has failed 6 times in the last hour and has been permanently disabled.",
                "EEH: Notify device driver to resume",
                "EEH: Beginning: 'error_detected(IO frozen)'",
                "EEH: Recovery successful.",
                "tce_freemulti_pSeriesLP: plpar_tce_stuff failed",
                "\trc      = -4",
                "\tindex   = 0x70000016",
                "zpci: 0000:00:00.0: Initiating reset",
                "zpci: 0000:00:00.0: The mlx5_core driver bound to the device does not support error recovery",
                "zpci: 0000:00:00.0: Automatic recovery failed; operator intervention is required",
                "zpci: n/a: Event 0x3b reports an error for PCI function 0x1234");
        assertSays("pe fd");
        assertSays("times 6");
        assertSays("step error_detected");
        assertSays("H_PARAMETER");
        assertSays("The function stays in the error state");
        assertSays("PERMANENT_ERROR");
        assertSays("11 messages in 12 lines");
    }

    @Test
    void shouldReadALineWhateverHasKeptIt() {
        String words = "0000010000000010 0000020800000000 00000000ffff1000 0000000000000000";
        for (List<String> form : List.of(
                // What stands before the message, before a word, behind both; a terminal, dmesg -x, syslog, rsyslog,
                // ...
                List.of(
                        "\u001b[32m[    7.4] \u001b[0m\u001b[33marm-smmu-v3 x: \u001b[0m",
                        "\u001b[31m\t0x",
                        "\u001b[0m"),
                List.of("kern  :err   : [Mon Nov 30 21:00:00 2026] arm-smmu-v3 x: ", "\t0x", ""),
                List.of("<3>[    7.471032][ T123] arm-smmu-v3 x: ", "\t0x", "\r"),
                List.of("Nov 30 21:00:00 host kernel: [    7.4] arm-smmu-v3 x: ", "#0110x", ""),
                List.of("2026-11-30T21:00:00.000000+00:00 host kernel: arm-smmu-v3 x: ", "\t0x", ""),
                List.of("3,1234,7471032,-;arm-smmu-v3 x: ", "\\x090x", ""),
                List.of("{\"_TRANSPORT\":\"kernel\",\"MESSAGE\":\"arm-smmu-v3 x: ", "\\t0x", "\",\"PRIORITY\":\"3\"}"),
                List.of("         \"msg\": \"arm-smmu-v3 x: ", "\\u00090x", "\""),
                List.of("{\"log\":\"arm-smmu-v3 x: ", "\\t0x", "\\n\",\"stream\":\"stdout\"}"))) {
            List<String> lines = new ArrayList<>();
            lines.add(form.get(0) + "event 0x10 received:" + form.get(2));
            for (String word : words.split(" ", -1)) {
                lines.add(form.get(0) + form.get(1) + word + form.get(2));
            }
            log(lines.toArray(String[]::new));
            assertSays("StreamID 63:32 0x100");
            assertSays("1 message in 5 lines");
            assertFalse(out.toString().contains("\u001b"), "colours of the log are not the screen's");
        }
        // journald writes a message with a colour in it as bytes.
        StringBuilder bytes = new StringBuilder();
        "\u001b[33mDMAR: \u001b[0mDRHD: handling fault status reg 2"
                .chars()
                .forEach(one -> bytes.append(one).append(','));
        log("{\"MESSAGE\":[" + bytes + "0]}");
        assertSays("PPF 1 0x1");
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
